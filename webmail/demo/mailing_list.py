"""The Small Boats mailing list: short threads among members, as a list server sends them on. Data and list headers."""

from __future__ import annotations

LIST_NAME = "Small Boats"
LIST_ADDRESS = "small-boats@lists.saltmarsh.example"

LIST_HEADERS = (
    ("List-Id", "Small Boats <small-boats.lists.saltmarsh.example>"),
    ("List-Post", f"<mailto:{LIST_ADDRESS}>"),
    ("List-Unsubscribe", "<mailto:small-boats-leave@lists.saltmarsh.example>"),
    ("List-Archive", "<https://lists.saltmarsh.example/archive/small-boats/>"),
    ("Precedence", "list"),
)

MEMBERS = (
    ("Agnes Thorne", "agnes@thorne.example"),
    ("Ravi Menon", "ravi.menon@example.net"),
    ("Bjarne Dahl", "bjarne@dahl-seil.example"),
    ("Colette Aubry", "colette@aubry.example"),
    ("Hugh Penrose", "hugh@penrose.example"),
)

# (subject, days ago, texts by different members)
LIST_THREADS = (
    (
        "Keeping mice out of sails",
        8,
        (
            "They have found the jib again. I have tried peppermint, a cat and strong language. What works for you?",
            "Hang the sail from the ridge on a thin wire with a jam-jar lid on either side. Mice cannot do lids.",
            "Second the lids. Ours has been safe for six winters.",
            "What sort of cat?",
        ),
    ),
    (
        "Which glue for a mast scarf?",
        33,
        (
            "The scarf is 1:12 in spruce. Epoxy, resorcinol, or something my grandfather would have liked?",
            "Epoxy, thickened, and do not clamp it dry. Warm the shed the day before.",
            "Your grandfather would have liked resorcinol, and it would have outlived him.",
        ),
    ),
    (
        "Rowing in the dark",
        61,
        (
            "Is a white light on the stern enough on the river, or do I need the full set?",
            "Under seven metres and under oars a torch that you show in time is enough by the rules. I would still show more.",
            "A head torch pointing backwards, and sing. Nobody has ever run into me while I was singing.",
            "We have heard you, Hugh. We keep well clear.",
        ),
    ),
    (
        "Old charts wanted",
        104,
        (
            "I am looking for any chart of the estuary from before the dyke, to frame or to copy.",
            "Harbour House has two in the library, ask there. They are very helpful.",
            "Thank you! I have an appointment on Tuesday.",
        ),
    ),
    (
        "How wet is a wet bilge?",
        158,
        (
            "A cup a day, in fresh water, two weeks after launching. Should I worry?",
            "A cup is manners. A bucket is a question.",
            "Put a little blue dye along the garboard outside and look where it comes in.",
        ),
    ),
    (
        "Launching day pictures",
        221,
        (
            "The little one floats, and the paint matches the sky. Pictures are on the archive page.",
            "She sits beautifully. Who chose the red?",
            "My daughter did. There was no discussion.",
        ),
    ),
    (
        "Tarred twine supplier",
        312,
        (
            "My old source has closed. Who still sells real tarred marline in small balls?",
            "Dahl Seil has it, three thicknesses. It makes the whole house smell right.",
        ),
    ),
    (
        "Sculling over the stern: oar length",
        402,
        (
            "For a boat of four metres, how long an oar do you use?",
            "As long as the boat is wide, twice, and a bit for luck.",
            "I use three metres. More is nice until you have to store it.",
        ),
    ),
)

JUNK = (
    (
        "Prize Desk",
        "winner@lucky-draw.example",
        "You have been chosen!!!",
        "Claim your luxury kettle in the next 10 minutes.",
    ),
    (
        "Account Team",
        "secure@pillarbox-verify.example",
        "Your mailbox is almost full",
        "Confirm your password to keep it.",
    ),
    (
        "Dr. Goodheart",
        "doc@miracle-pills.example",
        "Doctors hate this herb",
        "One leaf a day and you will never sleep again.",
    ),
    (
        "Crown Watches",
        "sale@crown-watches.example",
        "90% off, only today",
        "They look real. They tick almost like real ones.",
    ),
    (
        "Parcel Office",
        "fee@parcel-release.example",
        "Your parcel is held",
        "Pay a small fee of 1.99 to release your parcel.",
    ),
    (
        "A. Barrister",
        "barrister@estate-claims.example",
        "Confidential inheritance",
        "A distant relative left you a castle.",
    ),
    (
        "Crypto Friend",
        "joy@coin-double.example",
        "I doubled it, so can you",
        "Send one, receive two. Ask no questions.",
    ),
    ("Loan Express", "now@loan-express.example", "You are pre-approved", "No paperwork, no questions, no small print."),
    ("SEO Wizard", "rank@seo-wizard.example", "Your website has 47 errors", "I looked at your site and nearly wept."),
    (
        "HR Portal",
        "payroll@hr-update.example",
        "Updated salary sheet",
        "Open the attached sheet to see your new salary.",
    ),
)
