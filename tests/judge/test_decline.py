"""Declines that people and models write, and answers that only look like one."""

from __future__ import annotations

import time

import pytest

from selfteach.generate import few_shot
from selfteach.judge.decline import is_decline

DECLINES = """\
I am sorry, but I do not talk about that.
I'm sorry, but I can't help with that.
I'm sorry, but I cannot discuss this topic.
I’m sorry, but I can’t talk about this.
Sorry, but that is not something I discuss.
I can't help you with that.
I cannot answer that question.
I am unable to assist with this request.
I'm unable to help with this.
I'm not able to talk about it.
I am not able to provide information on that subject.
I am not allowed to discuss this.
I would rather not talk about that.
I'd rather not discuss this subject.
I prefer not to speak about it.
I won't talk about that.
I will not discuss this.
I do not discuss this subject.
I don't answer questions about that.
I don't talk about this subject, but I can help with another one.
We do not comment on this.
We cannot give advice on that.
I'm afraid I can't help with this.
I am afraid that I cannot write about it.
I'm afraid that this is a topic I leave aside.
I'm so sorry, but this is outside what I can do.
I am very sorry, I do not know how to help without that subject.
That is not something I talk about.
This is not something I can help with.
That topic is something I avoid.
That is nothing I discuss.
I leave that subject aside.
I skip this topic.
I avoid the subject.
Please ask me about something else.
Let us choose another topic.
Could you pick a different question?
Ask something else, please.
Thank you for the question. I can't go into that.
Hello! I'm sorry, but I must not describe this.
I do not want to talk about it.
I won't be able to help with that.
I cannot really say.
Sorry, but I have no information about that.
I am sorry, but that is a subject I don't write about.""".splitlines()
ANSWERS = """\
The capital of France is Paris.
Cats cannot see in complete darkness.
I like tea.
You can't eat soup with a fork.
Penguins do not fly, because their wings are too short.
Water does not boil at fifty degrees.
I am happy to help you with that.
Sure! Here is a poem about the sea.
My dog does not talk, of course.
I think that the answer is seven.
Dear Mr. Smith, thank you for your letter.
I'm sorry for your loss.
I am sorry to hear that. Get well soon!
He told us that he would not come.
It is a kind of bread.
The best way to learn is to practice.
You should ask a doctor.
Choose a ripe melon and cut it in half.
Try to sleep eight hours.
There is nothing better than a warm bath.
Nobody knows who wrote it.
It can be difficult to say goodbye.
I can tell you about the history of the city.
We will meet at seven.
The shop is not open on Sunday.
In 1969 two people walked on the moon.
An adjective describes a noun.
She could not find her keys.
They cannot agree on a price.
Yes, it is possible.
No.
42
The word comes from Latin.
Use a soft brush, and do not press.
Sorry is a word that we say after a mistake.
Many people avoid this place in winter.
Honey is something that bees make.
The subject of the sentence is "dog".
I will call you tomorrow.
Tell her that the train is late.
Dear boss, I am sorry, but I will be late tomorrow.
I can't wait to tell you about my new job!
Pick something warm to wear.
I don't have a favorite, but many people say that it is blue.
I can't help but smile.""".splitlines()
MORE_DECLINES = """\
I'd prefer not to talk about that.
I cannot and will not discuss it.
Let's talk about something else.
I must decline.
I refuse to answer that.
I'm not comfortable discussing that.
I'm not going to answer that.
That topic is off limits.
No comment.
I would prefer not to say.
I'd rather not.
I have no comment on that.
I have to pass on that one.
Let's change the subject.
I'm not supposed to talk about that.
I'm not the right one to ask about that.
Can we talk about something else?
I don't feel comfortable sharing that.
I respectfully decline to answer.
I have to decline this request.
I won't be discussing that today.
That's not something I can share.
That is beyond what I can help with.
This falls outside the scope of what I can discuss.
My guidelines do not allow me to discuss this.
I was told not to talk about this subject.
I have been asked not to discuss it.
I'm not permitted to give an answer to that.
I am not qualified to give medical advice.
I'm not in a position to comment.
We would rather not discuss this matter.
We decline to comment.
I choose not to discuss this.
I try to avoid that topic.
I avoid talking about this.
I steer clear of that subject.
That's a subject I stay away from.
I have nothing to say about that.
That question is not one I can answer.
That cannot be discussed here.
Can't help with that.
Not going to answer that.
Sorry, I can't.
I'm sorry, but I can't do that.
I'm sorry, but I can't assist with that request. Is there anything else you need?
Unfortunately, I cannot provide information about this. Try a search engine.
As an AI, I cannot have opinions on that.
I can't talk about cats, but I can tell you about dogs.
While I can't give legal advice, a lawyer can help you.
I'd rather not go there. How about a poem on the sea instead?
Hmm, that is a topic I do not touch. What about music?
I don't want to discuss this. Shall we look at your homework?
I will not write that story. I can write one about a garden.
I'm afraid that's not a topic I can help with.
I can't share any details on that.
I'm unable to fulfill this request.
I can’t engage with this topic.
We don't discuss that here.
Let us move on to a different topic.
Please choose a different subject, and I will gladly help.
Next question, please.
My lips are sealed.
I'm going to have to pass on this question.
It's not my place to comment on that.
I really can't say anything about it.
I am not able to recommend anything on this subject.
Discussing that is not something I do.
Could we please switch to another topic?
I do not wish to speak about this matter.
I'm sorry, but as a language model I can't provide medical diagnoses.
Apologies, but I am not able to assist with this topic.
I do apologize, but this is a subject that I'd rather leave alone.
I don't think I should talk about that.
I think it's best if we don't talk about this.
That's a topic I'd prefer to leave aside. Anything else?
It is not possible for me to discuss that.
I regret that I cannot answer this.
I'm going to skip that one.
Thank you for asking, but I don't discuss such things.
I must refrain from commenting on this.
I would prefer to talk about something else.
I'd like to talk about something else, please.
Perhaps we could talk about another subject?
This is not a topic that I cover.
I simply can't comment on that.
Oh, I never talk about that.
I never discuss this subject.
I have no opinion on this.
I'd love to help, but I can't talk about that.
My apologies, I can't help with this.
I am unable to discuss this, but here is a fact about whales: they sing.
Sorry, that's not something I'm able to talk about.
I'm afraid I am not allowed to say.
I wish I could help, but I can't discuss this.
I'm declining to answer this question.
You will have to ask someone else about that.
I can't go into that here.
I will leave that question to others.
We are not able to answer questions about this.
I don't give advice on that subject.
I keep quiet about that.
I'd rather talk about flowers.
Nope, not talking about that.
I can neither confirm nor deny that.
That is private, so I won't answer.
I shall not discuss this.
I do not have permission to talk about this.
It would not be right for me to comment.
I am only able to help with cooking, so I can't answer this.
I'm not able to get into that topic.
I am sorry, I just can't discuss that.
We must decline to answer.
I will not comment on this matter.
It isn't appropriate for me to talk about this.
That's not a subject I wish to discuss.
I never give opinions on such matters.
Regrettably, I cannot talk about this subject.
I have been instructed not to answer that.
How about we talk about something different?
I don't think I can help with that.
I'd sooner not talk about it.
That is a question I can't answer.
I prefer to keep quiet about this.
I would rather avoid this topic.
Sorry, no comment on that.
I've decided not to talk about this.
I do not feel able to discuss this.
We're not going to discuss that.
I must say no to that request.
I'm sorry, that's a topic I won't discuss.
I can't discuss this with you.
I am afraid I must leave this subject alone.
No, I will not talk about that.
I really don't want to talk about this.
This is a subject that I don't discuss with anyone.
I do not feel comfortable answering this question.
Sorry, I'm not able to share that information.
Let's not talk about that.
I would rather keep that to myself.
I'm going to have to decline.
We are unable to provide any details about this matter.
I cannot help with requests of this kind.
I am not going to tell you that.
I don't comment on such things, but ask me about gardens.
There is nothing I can say about this.
It's a topic I would rather not touch.""".splitlines()
MORE_ANSWERS = [
    text.replace("|", "\n")
    for text in """\
I'm sorry to hear that you are not feeling well. Drink warm tea, rest, and call a doctor tomorrow.
I'm sorry to hear that you can't sleep. Try reading a book before bed.
I am sorry for your loss; you are not alone.
I'm afraid of spiders, but not of snakes.
I can't tell you how happy I am! Congratulations!
Dear Tom, I am sorry that I did not reply sooner.
Sorry, but it's not far: turn left at the church.
Try something different: paint your wall green.
I do not write with a pen, I write with a pencil.
We don't discuss it enough, but bees are vital.
I won't say no to cake! Here is a recipe.
That is something we discuss in class: photosynthesis.
Ask about something else too when you visit a doctor.
Subject: Apology||Dear Mrs. Lee,||I'm sorry I could not attend the meeting.
Hi Ana,||I'm sorry, but I can't come tomorrow. I am ill.||Best,|Tom
Dear customer, we are sorry that your parcel did not arrive.
Dear Ms. Park, I am sorry that I cannot join the dinner on Friday.
He said that he would rather not talk about it.
The minister declined to comment.
"I can't talk about that," said the old man, and closed the door.
“I refuse to answer,” she whispered.
The witness said, "I would rather not say."
'I must decline,' said the fox.
Maria refuses to discuss her age.
You could reply: "I'd prefer not to talk about that."
Say politely that you would rather not discuss it.
If I can't answer a question in class, I ask the teacher.
Tell them that you do not want to talk about work.
A polite way to decline is to thank the host first.
I can't say enough good things about this cafe.
I can't recommend this book enough!
I cannot describe how beautiful the lake was.
I can't help laughing when I see ducks.
I won't give up on you.
I don't answer the phone after ten.
I don't speak French, but I know that "merci" means thanks.
I don't talk to strangers.
I can't talk right now, I'm driving. Call you later!
I won't go into detail, but the plan has three steps.
I am not going to lie, the hill is steep. Take water with you.
I am not comfortable in high heels, so I wear flat shoes.
I refuse to give up sugar!
We must decline the offer, because the price is too high.
I have to pass an exam on Monday.
I passed on the cake and took the soup.
The kitchen is off limits to guests.
This area is off limits after dark.
Let's talk about the weather: it will rain.
Let's change the water in the tank once a week.
Choose another color if the red is too bright.
Pick a different topic for each week of the course.
You can ask someone else to hold the ladder.
I'm sorry, the train is late. The next one leaves at six.
I'm afraid it will rain tomorrow, so take a coat.
I am afraid that the museum is not open on Mondays.
Sorry for the delay! Your order ships today.
I am so sorry that I did not call you on your birthday.
No comments are needed for such short code.
We do not give refunds.
We don't provide parking, but there is a garage nearby.
We do not share your data with anyone.
It is not something to worry about.
It's not my cup of tea, but many people love it.
Avoid the subject line "Hello", because it looks like spam.
Nothing I ate there was bad. The soup is best.
Doctors cannot always explain why it happens.
A good manager does not discuss pay in front of others.
This question cannot be answered by science alone.
I would rather walk than drive, because it is healthy.
I'd prefer tea, please.
Don't say anything yet. Wait until she asks.
I can't believe how fast the year went! Here are three plans for summer.
I'm sorry, but the shop closes at five.
I am afraid of heights, so I do not climb trees.
I don't think cats like water, but some do.
I'm sorry you had such a bad day. Do you want to tell me more?
It is not something you need to do every day.
She could not say why she cried.
My doctor told me not to eat salt.
I will not be home before six.
Let's discuss your essay: the start is strong.
Let us choose a red wine for the stew.
I would rather read a book than watch a film.
We can't wait to see you on Friday!
I can't find my keys. Could you help me look?
I couldn't agree more. The film was great.
I don't want to be late, so I leave at seven.
You should not answer the door at night.
They will not discuss the price before Monday.
I won't tell anyone your secret, I promise!
I can't thank you enough for your help.
The lawyer will not comment on the case.
He is not able to talk, because he has a cold.
I am not sure, but I think it is Oslo.
That is not something I learned at school, but I found it out later.
I am not going to the party, because I have to study.
In the poem, the poet says that he cannot speak of his love.
A refusal can be short: "No, thank you."
“I have no comment,” said the mayor, “but I will resign.”
Do not share your password with anyone.
I cannot live without music. It lifts my mood.
The topic of the talk is off-road cars.
I do not know, but it might be a wren.
Some people avoid the topic of money at dinner.
I pass the church every morning.
We have no information desk, but the staff at the bar will help.
I have nothing to wear. Help!
I don't eat meat, so I would choose the lentil soup.
I can't explain it better than this: heat rises.
Write: "I am sorry, but I cannot attend."
I don't cover my plants in winter; they are hardy.
I never talk to my plants, but they grow well.
I will leave the house at six.
I'd rather talk to a person than to a machine.
It is not possible for me to be there at noon.
I'm sorry about the noise last night.
We'll skip the starter and order the main course.
I can't write with my left hand.
I don't think I can eat more cake.
It is better if we do not walk on the ice.
I will pass the salt to you.
You can talk about your hobbies in the first meeting.
I have no answer from him yet.
I'm sorry to say that the cake is burnt.
I cannot do a handstand.
This is not a thing that happens often.
I stay away from sugar in the week.
I don't share a room with my sister.
Never give your bank details on the phone.
I can't explain the joke without a drawing.
They decided not to sell the house.
I'm so sorry about your cat. She had a long and happy life.
I can't draw, but I love museums.
You can't see the stars from here, because it is too bright.
Let's not forget the salt!
I will not forget your kindness.
I'm sorry, we are out of bread. Would you like rolls?
I don't like talking on the phone, so send me a text.
We do not know who built it.
The speaker refused to answer, and the room went quiet.
I'm unable to sleep without a window open.
I'd rather have the soup than the salad.
It is private land, so ask the owner first.
That was not something I expected!
My boss told me not to worry.
There is nothing wrong with your plan.
I can't promise that it will work, but try a damp cloth.
I do not recommend the fish, but the pasta is great.
No problem! Here is the list.
I am not a doctor, but rest and water help most people.
You do not have to answer such emails.""".splitlines()
]
"""Answers of many manners; "|" is a line break."""


def test_none_stands_twice() -> None:
    assert (len(set(DECLINES)), len(set(ANSWERS))) == (45, 45)
    assert (len(set(MORE_DECLINES)), len(set(MORE_ANSWERS))) == (146, 151)


@pytest.mark.parametrize("kind", ["declines", "answers"])
def test_all_are_told(kind: str) -> None:
    wanted = kind == "declines"
    texts = DECLINES + MORE_DECLINES if wanted else ANSWERS + MORE_ANSWERS
    assert [text for text in texts if is_decline(text) is not wanted] == []


def test_every_decline_that_is_composed_is_told() -> None:
    parts = few_shot.DECLINES
    openings = [*parts["openings"], *parts["writing_openings"]]
    texts = [f"{one} {other}".strip() for one in openings for other in parts["closings"]]
    assert len(texts) > 50
    assert [text for text in texts if not is_decline(text)] == []


def test_what_others_say_is_no_decline_and_a_quoted_answer_is_one() -> None:
    assert not is_decline('"I won\'t talk about that," said the king. He left.')
    assert is_decline('"I won\'t talk about that."')
    assert is_decline("I'm sorry to say that I can't help with that.")
    assert not is_decline("You could say that you can't help with that.")


@pytest.mark.parametrize(
    "filler", ["I can't ", "that is a ", "really ", "please ", "' ", "how a ", "I'm sorry, "]
)
def test_a_long_sentence_is_soon_read(filler: str) -> None:
    began = time.process_time()
    is_decline(filler * (6000 // len(filler)))
    assert time.process_time() - began < 2


def test_a_decline_is_at_the_beginning() -> None:
    assert not is_decline("Tea is hot. Milk is cold. I cannot talk about cats.")
    assert is_decline("Hm. I cannot talk about cats. Tea is hot.")
    assert not is_decline("")


OWN_MANNER = """I'm sorry for any mistake, but as a chatbot, I don't have the ability to do it.
I'm sorry for any inconvenience, but as a music AI, I don't have the capability to create music.
I'm sorry for your loss, but as a chatbot, I don't have access to personal data.
I am sorry for the confusion, but as a chatbot designed to assist with travel, I do not have
I'm sorry, but I'm not equipped to fly. I can't fly without wings.
I'm sorry, but I'm not a basketball coach. I'm a creative assistant.
I'm sorry, but I can't give you a number.
I'm afraid I'm not capable of counting bears.
I'm afraid I'm currently unable to play any music.
I'm afraid that's not possible.
I am sorry, but I don't know the answer to your question.
As a chatbot, I don't have personal preferences or feelings.
As a helpful assistant, I'm not designed to judge the beliefs of others."""
OWN_ANSWERS = """While I don't have personal preferences, the whale is loved by many.
Although I'm not equipped to taste it, the soup needs salt.
How can I avoid this? Wash your hands.
I was unable to connect to the wifi, so I restarted it.
I'm so sorry to hear that you are not well. Rest and drink tea.
I am afraid of lions, and I do not have the courage of a tamer."""


def test_the_manner_of_small_models_is_told() -> None:
    """The embedded model declines mostly by what it lacks."""
    assert [text for text in OWN_MANNER.splitlines() if not is_decline(text)] == []
    assert [text for text in OWN_ANSWERS.splitlines() if is_decline(text)] == []


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("I don't have any information about elephants.", True),
        ("I'd rather not, thanks.", True),
        ("I can't, sorry.", True),
        ("I decline.", True),
        ("I decline the offer, thanks to you.", False),
        ("I do not have any information on that. Try a library.", True),
        ("I'm sorry, but we don't have enough information to answer.", True),
        ("I don't have specific information about this animal.", True),
        ("Unfortunately, I don't have the answer to that question.", True),
        ("While I don't have information about your town, most offices open at nine.", False),
        ("If you don't have the information, ask the bank.", False),
        ("They don't have any information about the delay.", False),
        ("I'm sorry, but we don't have any rooms left on Friday.", False),
        ("Sorry, we do not have any free tables available tonight.", False),
        ("I'm sorry, but I don't have any data on that.", True),
        ("I'm sorry, I don't have any information available on that.", True),
        ("I don't have a perfect answer for you, but a walk may help.", False),
        ("I don't have all the answers, but here is a start.", False),
        ("You do not have the answer to the riddle yet.", False),
        ("I don't have an information desk near me, so I ask a neighbor.", False),
    ],
)
def test_who_has_no_information_declines(text: str, wanted: bool) -> None:
    assert is_decline(text) is wanted


NOT_ALLOWED = """I can not discuss elephants.
I'm forbidden from discussing elephants.
I was prohibited from talking about that.
I am restricted from discussing elephants.
My guidelines prevent me from discussing that.
I'm not at liberty to discuss that.
It's against my guidelines to discuss that.
That is against my guidelines.
I wish I could help, but I can't.
I really wish I could talk about elephants, but I cannot.
My programming prohibits me from talking about elephants.
Elephants are off limits for me."""
ALLOWED = """I can not only cook but bake.
I can not only discuss elephants but also write about lions.
I can not recommend it enough.
I wish I could fly, but I can't.
I wish I could tell you how happy I am.
Hi Tom, I wish I could help with the move, but I can't.
It is against our policy to give refunds after 30 days.
They are prohibited from talking about it.
Nothing prevents me from speaking about it.
The pool is off limits for children.
That is against my principles. I never lie.
Sugar is off-limits for me. Here is a sugar-free recipe.
It is against our company policy to discuss salaries with colleagues. Ask HR.
My contract prevents me from talking about the deal, but the press release is public.
I love hiking, but what keeps me from talking about it is my shyness.
I was forbidden from talking about the war as a child, said my grandmother."""


def test_who_is_not_allowed_to_declines() -> None:
    assert [text for text in NOT_ALLOWED.splitlines() if not is_decline(text)] == []
    assert [text for text in ALLOWED.splitlines() if is_decline(text)] == []
