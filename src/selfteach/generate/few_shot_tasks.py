"""The worked examples for tasks: classifications, inputs and outputs. We wrote all of them.

Source: Self-Instruct (arXiv 2212.10560), tables 6 to 8, for the forms: 12 classification tasks
against 19 others; input first, with tasks that need no input among them; output first for
classifications, so that every label gets its case.
"""

from __future__ import annotations

CLASSIFIED: tuple[tuple[str, bool], ...] = (
    ("Decide whether the weather report announces rain.", True),
    ("Write a thank-you note to a neighbour who watered your plants.", False),
    ("Name three things that can be made from an old bed sheet.", False),
    ("Is this comment rude or polite?", True),
    ("Tell a short story about a lighthouse keeper.", False),
    ("Given a dish, say whether it is a starter, a main course or a dessert.", True),
    ("Explain how a bicycle pump works.", False),
    ("Translate the sentence into Italian.", False),
    ("Choose the correct preposition: in, on or at.", True),
    ("Rewrite the notice so that it is half as long.", False),
    ("Does the answer fit the question? Reply with yes or no.", True),
    ("Give step by step directions for changing a light bulb.", False),
    ("Compose a rhyme about a forgetful squirrel.", False),
    ("Sort the e-mail into one of these folders: bills, family, work.", True),
    ("What would you ask a beekeeper?", False),
    ("Say whether the number is prime.", True),
    ("Calculate how much paint is needed for the walls of the room.", False),
    ("Find the mistakes in the program and correct them.", False),
    ("Which season does the poem describe: spring, summer, autumn or winter?", True),
    ("Advise a beginner who wants to keep tomatoes on a balcony.", False),
    ("Judge whether the headline is serious or a joke.", True),
    ("Describe the way to the post office for a tourist.", False),
    ("Make a shopping list for a breakfast for four.", False),
    ("Mark the statement about the human body as true or false.", True),
    ("Paraphrase the proverb without using its nouns.", False),
    ("Plan a birthday party in a small flat.", False),
    ("Rate the difficulty of the recipe: easy, medium or hard.", True),
    ("Turn the list of facts into a paragraph.", False),
    ("Tell which of the two speakers is the older one.", True),
    ("Suggest a better title for the essay.", False),
    ("Write the regular expression that matches a postcode of five digits.", False),
)
"""(task, whether its output is one of a few labels): 12 yes and 19 no."""

INPUT_FIRST: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    (
        "Put the sentence into the past tense.",
        (
            ("She walks to school and sings.", "She walked to school and sang."),
            ("They buy too much bread.", "They bought too much bread."),
        ),
    ),
    (
        "Give three pieces of advice to somebody who cannot fall asleep.",
        (
            (
                "",
                (
                    "Go to bed at the same hour every day. Leave the telephone in another "
                    "room. Read something dull until your eyes close."
                ),
            ),
        ),
    ),
    (
        "Answer the customer in one friendly sentence.",
        (
            (
                "Do you deliver on Sundays?",
                "We are sorry, we rest on Sundays, but we gladly deliver on any other day!",
            ),
        ),
    ),
    (
        "Work out the price that is left after the discount.",
        (
            (
                "A coat costs 80 euros and is reduced by 25 percent.",
                "25 percent of 80 euros are 20 euros, so the coat costs 60 euros.",
            ),
        ),
    ),
    (
        "Write two lines of verse about the sea.",
        (
            (
                "",
                (
                    "The sea forgets what it was told at noon,\nand tells it all again "
                    "beneath the moon."
                ),
            ),
        ),
    ),
    (
        "Name the tools that are needed for the job.",
        (
            ("hanging up a shelf", "a drill, screws, a screwdriver, a spirit level"),
            ("pruning a rose", "garden shears, thick gloves"),
        ),
    ),
)
"""(task, its cases): an empty input stands for a task that needs none."""

OUTPUT_FIRST: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    (
        "Decide whether the weather report announces rain.",
        (
            ("yes", "Clouds will gather from the west, with showers in the evening."),
            ("no", "Clear skies and a light breeze until the weekend."),
        ),
    ),
    (
        "Given a dish, say whether it is a starter, a main course or a dessert.",
        (
            ("starter", "a small bowl of tomato soup"),
            ("main course", "roast chicken with potatoes"),
            ("dessert", "apple pie with cream"),
        ),
    ),
    (
        "Is this comment rude or polite?",
        (
            ("rude", "Only a fool would park a car like that."),
            ("polite", "Would you mind moving your car a little?"),
        ),
    ),
    (
        "Which season does the poem describe: spring, summer, autumn or winter?",
        (
            ("autumn", "The orchard lets its last red apples fall."),
            ("winter", "White roofs, white fields, a crow the only ink."),
        ),
    ),
)
"""(classification task, its cases as (label, input))."""
