"""What the model writes itself: requests (`ask`), and answers that keep a rule (`search`). A few
worked shots carry the form.
"""
