"""The demo IMAP user's conversations. Data only: `conversations.parse_conversations` reads this small format.

`## subject | mailbox | days ago`, then per message `@who +hours since the one before`, then its text.
"""

from __future__ import annotations

WORK_CONVERSATIONS = """
## Opening night: who does what | INBOX | 2
@lena +0
Hello all,

nine days to go. I have put the whole evening on one page so that nobody has to guess. Doors at six, welcome at
half past, and the ropes come down at seven sharp.

Could each of you look at your column and shout if something is impossible? I would rather hear it today than on
the night.
@priya +2
Lights and captions are mine, that is fine. The only thing that worries me is the projector in room two: it needs
twenty minutes to warm up, so somebody has to switch it on at half past five.
@me +1
I'll be there from four, so I can switch the projector on. I have put it on my list in red.

Robin
@mateo +16
The ramp will be finished on Friday. If it rains on Thursday it will be finished on Saturday. Either way it is
finished before the guests are.
@lena +3
Thank you, that is exactly what I needed. Updated plan is on the noticeboard in the workshop, the old one has a big
cross through it.

## Captions for room three | INBOX | 5
@priya +0
Robin, I am stuck on the caption for the herring barrels. We have 45 words and I have 90. Which half would you
throw away?

    "Salted within an hour of landing, packed in rings, and rolled down to the quay by children paid in
    pennies, these barrels carried the town through every winter until the railway came."
@me +4
Keep the children and the pennies, lose the railway. Visitors will remember the pennies.
@priya +1
Railway gone. 44 words. You are a better editor than you look.
@me +14
I'll take that. Send me room four whenever you like.

## Quote for the oak frames | INBOX | 9
@tom +0
Morning Robin,

twelve frames in quarter-sawn oak, oiled, with the hidden hangers you liked: 1,860 all in. I can hold the price until
the end of the month, after that the timber yard will have its own ideas.

Tom
@me +5
Thanks Tom. Could you leave out the two tall ones and tell me what that does to the price? We may show those prints
flat in a case instead.
@tom +20
Ten frames: 1,540. The tall ones are the awkward ones, so you save a bit more than you would think.
@me +3
Perfect, please go ahead with ten. Purchase order follows this afternoon.
@tom +2
Wood is on the bench. You can come and smell it on Thursday if you want.

## Lantern walk on the 14th? | INBOX | 3
@sam +0
Are you two free on the 14th? The lantern walk goes past our house this year and we are making far too much soup.
@me +6
We are in. Should we bring bread, or a lantern, or both?
@sam +1
Both. And a hat, the forecast is silly.
@sam +30
Also: Ama says the small one wants to see "the boat that is also a lamp". Do you know what that means?
@me +2
I know exactly what it means. I'll bring it.

## Budget, second half | INBOX | 18
@ingrid +0
Dear Robin, dear Lena,

the board has approved the second instalment. Two questions came up and I promised an answer by the end of the week:
why did printing cost more than planned, and what is the reserve for?

With kind regards,
Ingrid Solberg
North Quay Foundation
@lena +3
Robin, you have the printing numbers, will you take the first question? I'll write about the reserve.
@me +18
Dear Ingrid,

printing came out 12 % above plan because we moved from paper labels to boards that survive the sea air. They cost
more once and will not have to be printed again each season. The comparison is in the attached table on page two of
last month's report.

Best wishes,
Robin
@lena +2
And the reserve is for the roof over room five, which is older than all of us. If the winter is kind we will not
need it, and it comes back to you.
@ingrid +26
Thank you both, that is clear and convincing. The transfer leaves us on Monday.

## Visiting the archive in Kaigan | INBOX | 12
@yuki +0
Dear Robin,

we would be glad to show you the net-makers' notebooks. The reading room is open from Tuesday to Friday. Photographs
are allowed without flash, and the tea is very good.

Yuki Tanaka
Kaigan Maritime Archive
@me +9
Dear Yuki,

thank you! Would the second Wednesday of next month suit you? I would bring one colleague, Priya, who draws.
@yuki +13
Wednesday is perfect. I have reserved two seats by the window and will have volumes 3 to 9 ready.
@priya +4
Window seats. I am sharpening pencils already.

## Invoice 2207 seems to be paid twice | INBOX | 24
@dana +0
Hi Robin, our bookkeeper thinks you paid invoice 2207 twice, on the 3rd and on the 5th. Nice of you, but shall I send
one of them back or keep it against the posters?
@me +2
How embarrassing. Please keep it against the posters, and tell your bookkeeper thank you for being honest.
@dana +1
Will do. She says honesty is in the job description.

## Sound in the boat shed | Archive | 47
@priya +0
I tried the recordings in the shed today. The gulls are wonderful, the engine is far too loud, and the old man's voice
disappears between the two.
@mateo +3
The back wall is bare steel. Hang something soft on it, sails for instance, and the voice comes back.
@me +2
We have four torn sails in the store that nobody can repair. Would that be enough?
@mateo +1
Three would be enough. Four will look as if we had meant it.
@priya +70
Sails are up. You can hear every word now, including the one he should not have said.
@lena +5
We leave that word in. It is history.

## The heron is back | Archive | 66
@sam +0
He is standing on your boat again. I have a witness and a blurry photograph.
@me +1
Did he pay the mooring fee?
@sam +1
He left something, but it was not money.

## Workshop calendar for the autumn | Archive | 95
@lena +0
Dear everyone,

please send me your workshop dates for September to November by Friday. One line each is enough: title, date, how many
people fit. Last year we had three knots-for-beginners evenings in one week, which was two and a half too many.
@priya +22
Drawing boats that move: 12 September and 10 October, ten people each.
@tom +4
Splicing and whipping: any Saturday but the first, eight people, and they must bring their own thumbs.
@me +15
Reading old charts: 19 September, twelve people, in the library because of the big table.
@lena +28
Wonderful, all in. The calendar goes to the printer tomorrow.

## Two questions about the loan agreement | Archive | 120
@elias +0
Dear Robin,

the sextant may travel, but our insurer asks two things: who carries it, and is the case locked at night?

Elias Papadakis
@me +7
Dear Elias,

I carry it myself, by train, in the padded box you know. The case has two locks, one key is with Lena and one in the
safe. I can send photographs.
@elias +25
Photographs would make our insurer very happy. You know how they are: they have never been happy before.
@me +4
Attached to a separate message, as they are large. Thank you for trusting us with it.

## Rain in room five | Archive | 150
@mateo +0
I was on the roof this morning. There are two slates missing above the north window and a third that is only pretending.
@lena +1
Can it wait until the autumn?
@mateo +2
The slates can wait. The charts underneath cannot.
@me +1
I have moved the charts to the library and put the ugliest bucket we own under the window.
@lena +20
Roofers come on Tuesday. Thank you both, and please keep the bucket: it could be an exhibit.

## School visit on the 21st | Archive | 190
@noor +0
Dear Robin,

thank you for offering our class a place. We are twenty-six children, aged nine and ten, and three adults. Four of the
children speak mostly Arabic at home, and one uses a wheelchair. Would the boat shed be possible for everyone?

Noor Haddad
@me +5
Dear Noor,

yes, the shed has a ramp now and the floor is level. If you tell me the names of the four children I'll prepare
captions in Arabic as well, that was on our list anyway.
@noor +19
How kind. They will be so proud to read aloud to the others for once.
@noor +190
They talk of nothing else. Karim has decided to become a net-maker. Thank you!
@me +3
Please tell Karim that we are hiring in about nine years.

## Paint for the rowing boat | Archive | 230
@tom +0
Decision needed: the green we found under the blue is older than the blue we found under the white. Which one is "the
original colour"?
@me +4
When was the boat used for the longest time?
@tom +1
In the green. Forty years at least.
@me +1
Then green it is. We keep a small window of blue and white on the inside, so that people can see the question.

## Photographs from the regatta | Archive | 262
@sam +0
All of them are in the shared album. You are in two: in one you are looking heroic, in the other you are looking for
your hat.
@me +9
Delete the first, frame the second.
@sam +2
Ama already did.

## New opening hours | Archive | 300
@lena +0
From the first of the month we open at ten instead of eleven, except on Mondays, when we do not open at all. Please
change it wherever you find the old hours: door, website, answering machine.
@priya +3
Website and door done.
@me +2
Answering machine done. I now have to listen to my own voice every time I call.

## Train to Northquay | Archive | 338
@ingrid +0
Dear Robin, shall I collect you at the station on Thursday? The 10.12 is the one with the good coffee.
@me +3
The 10.12 it is. You will recognise me by the tube under my arm.
@ingrid +2
Then I shall recognise you by your tube.

## Moving the store room | Archive | 380
@priya +0
Everything in the store has a number now. There are 1,214 things, of which 9 are chairs that nobody wants.
@mateo +6
I want two of the chairs.
@me +1
I want one. Six to go.
@lena +20
Six chairs are going to the café. Priya, you are allowed to cross out nine numbers.

## A word about passwords | Archive | 415
@lena +0
Please, everyone: the word "herring" is no longer a password. Not with a number behind it either.
@me +1
Mine was never herring.
@priya +1
Mine was. It is longer now and has nothing to do with fish.

## Anniversary booklet, first draft | Archive | 450
@priya +0
Forty pages, and I think eight of them are too many. Tell me which.
@me +30
Pages 11 to 14, and the two maps that show the same thing. Everything else is lovely. The barrel on page 20 made me
laugh out loud on the tram.
@priya +4
Maps merged, pages 11 to 14 gone. The barrel stays.
@dana +50
Files arrived safely. Proofs on Wednesday, and I am using the good paper, do not tell anybody.

## Where is the key to the tide gauge? | Archive | 490
@tom +0
I have looked in all the usual places and in two unusual ones.
@me +1
It hangs behind the barometer, since the day you hung it there.
@tom +1
I have no memory of this, but there it is.

## Welcome to the team | Archive | 530
@lena +0
Dear Robin,

welcome to Harbour House! Your desk is the one by the window with the wobbly leg. Tom has promised to look at the leg.

On your first day Priya will show you round at nine, and at eleven we all have coffee in the shed. Bring a pullover.

Lena
@me +8
Dear Lena, thank you, I am looking forward to it. I'll bring two pullovers.
@tom +200
I have looked at the leg.
"""
