"""The demo POP3 user's conversations, in the format of `conversations_work`. Data only.

A POP3 mailbox holds what arrived, so the owner's replies appear only as quotations.
"""

from __future__ import annotations

PRIVATE_CONVERSATIONS = """
## Sunday lunch | INBOX | 1
@mum +0
Darling, are you coming on Sunday? I am doing the lamb, and your uncle is bringing the pudding, so there will be two
puddings, as a precaution.
@me +3
Of course. I'll bring flowers and an appetite. One o'clock?
@mum +1
One o'clock. Jo will collect you from the station if you tell her which train.
@jo +2
Tell me which train. And bring the drill.

## The apple tree | INBOX | 6
@mum +0
The old tree came down in the storm last night, but nobody was under it and it missed the greenhouse by a hand. We have
four crates of apples now. Do you want one, or two?
@jo +4
Two for me. I have a plan involving a very large pot.
@me +2
One for me, please, and a piece of the trunk if Uncle Bert has his saw with him.
@bert +20
Saw was never further than arm's length. I have kept you the burr, it is a beauty.

## Choir: spring programme | INBOX | 14
@hazel +0
Dear altos and everyone else,

the spring programme is settled: two madrigals, the Fauré, and the sea shanty you all pretended not to want. We start
rehearsing on Tuesday at half past seven in the small hall. Bring a pencil.

Hazel
@hazel +90
A correction: the small hall is being painted. Big hall. Same time, same pencil.
@jo +3
I knew you would say yes to the shanty.

## Rowing club: boat house weekend | INBOX | 30
@piet +0
Ahoy,

on the second weekend of the month we scrape, sand and paint. Breakfast is on the club, blisters are your own. Please
answer with which of the two days you can come.
@me +8
Saturday, all day.
@piet +40
Saturday: fourteen people. Sunday: three people. I propose that some of the fourteen discover a love for Sundays.

## Your old bicycle | INBOX | 52
@jo +0
It is still in my shed, behind the kayak, under the tent. Do you want it, or may I give it to Mina's boy? He is exactly
the right height and has exactly the wrong bicycle.
@me +1
Give it to him, with the bell. The bell is the best part.
@jo +49
He rang it all the way home. The whole street knows.

## Recipe | INBOX | 88
@mum +0
You asked for it, so here it is. Half a pound of flour, a quarter of butter, a pinch of salt, water as cold as you can
get it. Do not knead it. Do not even look at it. Rest it for an hour, and rest yourself as well.
@jo +5
For the record, I have been kneading it for twenty years.
@mum +1
We know, dear.

## Holiday house in June | INBOX | 130
@jo +0
The blue house by the lighthouse is free from the 8th to the 15th. It has five beds and one very loud clock. Shall I
book?
@mum +6
Yes please. I shall bring the cards and beat you all.
@bert +3
Count me in, I can stop the clock.
@jo +18
Booked. The deposit is paid, please send me your share when you can, no hurry.

## Meeting of the allotment society | INBOX | 175
@finch +0
Dear neighbours,

the annual meeting is on the last Thursday of the month at seven, in the shed if it rains and in front of the shed if it
does not. Agenda: water, compost, and the matter of the scarecrow.

E. Finch, secretary
@finch +300
Minutes are attached to the shed door. The scarecrow stays, but its hat goes back to Mr Oduya.

## The cat | INBOX | 240
@jo +0
She has had five. Five! They look like socks. Come and see them before they look like cats.
@mum +2
I am not taking one.
@jo +70
Mum has taken one.

## Happy birthday! | INBOX | 290
@mum +0
Many happy returns, my darling. The parcel is late because I could not find the good string. Have a lovely day, eat
cake before noon, and call me when you have a minute.
@bert +2
Happy birthday, young Hale. At your age I had already sunk two boats. No pressure.
@piet +5
Happy birthday from boat three. You have the stroke seat on Saturday, and that is the only present you get.

## Moving day | INBOX | 430
@jo +0
The van is booked from eight to two. Bert drives, Mum gives directions, we carry. Label the boxes by room, please, not by
mood.
@me +4
Too late, one of them says "miscellaneous and sad".
@jo +1
That one goes in last.
"""
