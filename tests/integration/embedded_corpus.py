"""What callers of a tyre shop say, and what they say to others in the room."""

from __future__ import annotations

EXPECTED = tuple(
    """two oh five fifty five sixteen
two twenty five forty five seventeen
one ninety five sixty five fifteen
one eighty five sixty five fourteen
two thirty five thirty five nineteen
two oh five fifty five r sixteen
winter
summer
all season
winter tyres
summer tyres
yes
no
yes please
no thank you
operator
a person please
i want to speak to a person
i want to order tyres
i want to buy tyres
i need new tyres
where is my order
what is the status of my order
four tyres
two tyres
the first one
the second one
the cheaper one
nokian
michelin
how much is it
do you deliver
i do not know the size
repeat please
goodbye
that is all""".splitlines()
)
DIGITS = tuple(
    """one two three four
nine eight seven six five
eight zero four four
two two seven
zero five zero one two three four five six seven
oh six seven three three three two two one one""".splitlines()
)
UNRELATED = tuple(
    """the weather in london is rather nice today
my neighbour has three black cats and a dog
could you please turn off the television
she bought a ticket to the late night concert
we should meet at the railway station on monday
i think the government will change the law
put the potatoes in the oven for an hour
the history of music is a long one
he plays football every saturday morning
never trust a computer you cannot throw out of a window
hold on a second my phone is ringing
mum where did you put the keys""".splitlines()
)
