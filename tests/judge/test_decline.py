"""Declines: 45 that people and models write, and 45 answers that only look like one."""

from __future__ import annotations

import pytest

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


def test_there_are_as_many_of_each() -> None:
    assert (len(set(DECLINES)), len(set(ANSWERS))) == (45, 45)


@pytest.mark.parametrize("kind", ["declines", "answers"])
def test_all_are_told(kind: str) -> None:
    wanted = kind == "declines"
    wrong = [t for t in (DECLINES if wanted else ANSWERS) if is_decline(t) is not wanted]
    assert wrong == []


def test_a_decline_is_at_the_beginning() -> None:
    assert not is_decline("Tea is hot. Milk is cold. I cannot talk about cats.")
    assert is_decline("Hm. I cannot talk about cats. Tea is hot.")
    assert not is_decline("")
