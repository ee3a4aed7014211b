"""The words with which mail programs announce what they quote, in the languages they speak. Only tables, all casefolded.

A new language is a word in each table and a row in `tests/mime/quotes/test_attributions.py`.
"""

from typing import Final

# "On Monday Anna *wrote*:". Between other words (Latin, Cyrillic, Greek, Hebrew, Arabic and so on).
WROTE: Final = (
    "wrote", "writes", "said", "says",  # English
    "schrieb", "schrieben", "hat geschrieben", "schreibt",  # German
    "a écrit", "écrit", "a ecrit", "a envoyé",  # French
    "escribió", "escribio", "ha escrito", "escribiu", "va escriure", "ha escrit",  # Spanish, Galician, Catalan
    "escreveu", "escreveram",  # Portuguese
    "ha scritto", "scrisse", "scrive",  # Italian
    "schreef", "heeft geschreven", "schreef het volgende",  # Dutch
    "skrev", "skrev følgende", "skrev så här", "skreiv",  # Swedish, Norwegian, Danish
    "kirjoitti", "kirjoitti näin",  # Finnish
    "napisał", "napisała", "napisał(a)", "napisali", "pisze",  # Polish
    "napsal", "napsala", "napsal(a)", "píše",  # Czech
    "napísal", "napísala", "napísal(a)", "napísal/a",  # Slovak
    "írta", "ezt írta", "a következőt írta",  # Hungarian
    "a scris", "a scris următoarele",  # Romanian
    "написа", "пише",  # Bulgarian, Serbian, Ukrainian
    "написал", "написала", "написал(а)", "пишет", "писал", "писала", "вы писали",  # Russian
    "написав", "написала", "написав(-ла)", "написав(ла)",  # Ukrainian
    "έγραψε", "έγραψαν",  # Greek
    "yazdı", "şunu yazdı", "şöyle yazdı", "şunları yazdı",  # Turkish
    "napisao", "je napisao/la", "napisao je", "je napisao", "je napisala", "napisala", "napisao/la",  # Croatian, Serbian
    "napisal", "je napisal", "je napisal/a", "piše",  # Slovenian
    "kirjutas",  # Estonian
    "rakstīja",  # Latvian
    "rašė", "parašė",  # Lithuanian
    "skrifaði",  # Icelandic
    "shkroi",  # Albanian
    "đã viết", "viết",  # Vietnamese
    "menulis",  # Indonesian, Malay
    "כתב", "כתבה", "כתב/ה", "מאת", "‏מאת",  # Hebrew
    "كتب", "كتبت",  # Arabic
    "نوشت", "نوشته است",  # Persian
    "ने लिखा",  # Hindi
    "от", "від", "пользователь",  # mail.ru: "Thu, 26 Jun от Anna <a@example.com>:"
    "hau idatzi zuen", "idatzi zuen",  # Basque
    "kirjutti",
)  # fmt: skip
# Languages that put no spaces around it.
WROTE_ANYWHERE: Final = (
    "写道", "寫道", "来信", "撰写", "撰寫", "さんは書きました", "さんが書きました", "は書きました", "のメッセージ", "님이 작성", "님이 쓴 글",
    "작성:", "เขียนว่า", "เขียน",
)  # fmt: skip

# How the line begins. Words too common to prove anything alone: a date or an address must be there as well.
STARTS: Final = (
    "on", "am", "at", "le", "el", "il", "in data", "in article", "op", "den", "em", "a", "på", "pe", "în data", "in",
    "dne", "dňa", "w dniu", "dnia", "в", "на", "у", "στις", "dana", "tarihinde", "vào", "pada", "в ср", "quoting",
    "בתאריך", "ב-", "في", "در", "เมื่อ", "在", "于", "於", "kuupäev", "datums", "citando", "zitat von", "citation de",
    "zitiere", "vào lúc", "από", "il giorno", "no dia", "gedurende", "hi", "dia",
)  # fmt: skip

# Between rules ("----- Original Message -----"), before a header that Outlook and its kin write.
ORIGINAL: Final = frozenset(
    [
        "original message", "original mail", "original email", "reply message", "ursprüngliche nachricht",
        "originalnachricht", "original-nachricht", "original nachricht", "ursprüngliche mail", "original e-mail",
        "message d'origine", "message d’origine", "message original", "message initial", "courriel original",
        "mensaje original", "missatge original", "mensagem original", "mensagem de origem", "messaggio originale",
        "messaggio original", "oorspronkelijk bericht", "origineel bericht", "oorspronkelijke bericht",
        "ursprungligt meddelande", "originalmeddelande", "ursprungliga meddelandet", "opprinnelig melding",
        "original melding", "oprindelig meddelelse", "original meddelelse", "oprindelig besked",
        "alkuperäinen viesti", "wiadomość oryginalna", "oryginalna wiadomość", "wiadomość pierwotna",
        "původní zpráva", "pôvodná správa", "eredeti üzenet", "исходное сообщение", "оригинальное сообщение",
        "исходящее сообщение", "первоначальное сообщение", "вихідне повідомлення", "оригинално съобщение",
        "mesaj original", "mesajul original", "orijinal mesaj", "özgün ileti", "orjinal mesaj", "αρχικό μήνυμα",
        "izvorna poruka", "originalna poruka", "izvorno sporočilo", "algne kiri", "algne sõnum", "originalus laiškas",
        "oriģinālais ziņojums", "thư gốc", "tin nhắn gốc", "pesan asli", "mesej asal", "הודעה מקורית", "ההודעה המקורית",
        "الرسالة الأصلية", "رسالة أصلية", "پیام اصلی", "原始邮件", "原邮件", "原始信件", "原始郵件", "原始內容", "原邮件信息",
        "元のメッセージ", "元のメール", "원본 메일", "원본 메시지", "원본메일", "ข้อความต้นฉบับ", "mensagem anterior",
        "previous message", "antwort nachricht", "ursprüngliche e-mail", "upphafleg skilaboð",
    ]
)  # fmt: skip

# What follows is passed on whole: it is what there is to read, and never folds.
FORWARDED: Final = frozenset(
    [
        "forwarded message", "begin forwarded message", "start of forwarded message", "forwarded mail",
        "weitergeleitete nachricht", "anfang der weitergeleiteten nachricht", "anfang der weitergeleiteten e-mail",
        "weitergeleitete mail", "message transféré", "message réexpédié", "début du message réexpédié",
        "début du message transféré", "mensaje reenviado", "inicio del mensaje reenviado", "missatge reenviat",
        "mensagem encaminhada", "mensagem reencaminhada", "início da mensagem encaminhada",
        "início da mensagem reencaminhada", "messaggio inoltrato", "inizio messaggio inoltrato",
        "inizio del messaggio inoltrato", "doorgestuurd bericht", "begin doorgestuurd bericht",
        "vidarebefordrat meddelande", "vidarebefordrat brev", "vidarebefordrat mail", "videresendt melding",
        "videresendt meddelelse", "start på videresendt besked", "välitetty viesti", "edelleenlähetetty viesti",
        "välitetty viesti alkaa", "wiadomość przekazana dalej", "przekazana wiadomość", "wiadomość przekazana",
        "początek przekazywanej wiadomości", "treść przekazanej wiadomości", "přeposlaná zpráva",
        "preposlaná správa", "začátek přeposlané zprávy", "továbbított üzenet", "továbbított levél",
        "пересылаемое сообщение", "пересланное сообщение", "начало переадресованного сообщения",
        "переадресованное сообщение", "перенаправленное сообщение", "переслане повідомлення",
        "препратено съобщение", "mesaj redirecționat", "mesaj redirectionat", "mesajul redirecționat",
        "yönlendirilmiş ileti", "iletilen ileti", "iletilmiş mesaj", "yönlendirilen mesaj", "προωθημένο μήνυμα",
        "proslijeđena poruka", "prosleđena poruka", "posredovano sporočilo", "edastatud kiri",
        "edastatud sõnum", "persiųstas laiškas", "pārsūtīts ziņojums", "thư được chuyển tiếp",
        "thư chuyển tiếp", "pesan terusan", "pesan yang diteruskan", "mesej dimajukan", "הודעה שהועברה",
        "תחילת ההודעה שהועברה", "رسالة معاد توجيهها", "بداية الرسالة المعاد توجيهها", "پیام ارجاع شده",
        "转发邮件信息", "转发的邮件", "转发邮件", "已转发邮件", "以下是转发的邮件", "轉寄的郵件", "轉寄郵件", "轉寄信件", "以下是轉寄的郵件",
        "転送されたメッセージ", "転送メッセージ", "転送されたメッセージここから", "以下にメッセージを転送します", "전달된 메시지", "전달된 메일",
        "전달된 메시지 시작", "ข้อความที่ส่งต่อ", "áframsend skilaboð",
    ]
)  # fmt: skip
FORWARDED_BY: Final = ("forwarded by ", "weitergeleitet von ", "transféré par ", "reenviado por ", "inoltrato da ")

FROM: Final = "from"
SENT: Final = "sent"  # a date under a name that only mail has
DATE: Final = "date"
TO: Final = "to"
COPY: Final = "cc"
SUBJECT: Final = "subject"
OTHER: Final = "other"
# The header that is written above a message that is answered. Each name is worth nothing alone (`lines.header_roles`).
FIELDS: Final[dict[str, tuple[str, ...]]] = {
    FROM: (
        "from", "von", "absender", "de", "expéditeur", "remitente", "remetente", "da", "mittente", "van", "afzender",
        "från", "avsändare", "fra", "avsender", "afsender", "lähettäjä", "keneltä", "od", "nadawca", "odesílatel",
        "odosielateľ", "feladó", "от", "от кого", "отправитель", "від", "від кого", "подател", "από", "αποστολέας",
        "kimden", "gönderen", "de la", "expeditor", "šalje", "pošiljatelj", "pošiljalec", "шаље", "saatja", "kellelt",
        "no", "nuo", "frá", "nga", "từ", "người gửi", "dari", "pengirim", "daripada", "מאת", "من", "از", "发件人", "寄件者",
        "寄件人", "差出人", "送信者", "보낸 사람", "보낸사람", "발신", "จาก", "nork",
    ),
    SENT: (
        "sent", "sent at", "gesendet", "gesendet am", "envoyé", "envoyé le", "date d'envoi", "enviado el", "enviado",
        "enviat el", "enviada em", "enviada", "enviado em", "inviato", "data invio", "verzonden", "verzonden op", "skickat",
        "sendt", "lähetetty", "wysłano", "odesláno", "odoslané", "elküldve", "küldve", "küldés ideje", "отправлено", "отправлен",
        "надіслано", "изпратено", "στάλθηκε", "εστάλη", "αποστολή", "gönderildi", "gönderme tarihi", "gönderim tarihi",
        "trimis", "poslano", "datum slanja", "послато", "saadetud", "nosūtīts", "išsiųsta", "đã gửi", "dikirim", "נשלח",
        "تم الإرسال", "发送时间", "发送日期", "寄件日期", "傳送時間", "寄件時間", "送信日時", "보낸 날짜", "보낸날짜", "bidaltze-data",
    ),
    DATE: (
        "date", "datum", "fecha", "data", "dato", "päivämäärä", "pvm", "dátum", "дата", "ημερομηνία", "tarih", "kuupäev",
        "datums", "dagsetning", "ngày", "thời gian", "tanggal", "tarikh", "תאריך", "تاريخ", "التاريخ", "تاریخ", "时间", "日期",
        "日時", "日付", "날짜", "일시", "วันที่", "ส่ง",
    ),
    TO: (
        "to", "an", "empfänger", "à", "destinataire", "para", "destinatario", "a", "per a", "aan", "till", "til", "vastaanottaja",
        "kenelle", "do", "adresat", "komu", "címzett", "кому", "получатель", "до", "προς", "kime", "alıcı", "către",
        "prima", "za", "коме", "saaja", "kellele", "kam", "đến", "tới", "người nhận",
        "kepada", "אל", "إلى", "به", "收件人", "收件者", "宛先", "받는 사람", "받는사람", "수신", "ถึง", "nori",
    ),
    COPY: (
        "cc", "bcc", "copy", "kopie", "copie à", "copie", "copia", "c/c", "kopia", "kopi", "kopio", "dw", "kópia",
        "másolatot kap", "másolat", "копия", "копія", "κοιν", "κοινοποίηση", "bilgi", "kk", "đồng gửi", "salinan",
        "עותק", "העתק", "نسخة", "抄送", "副本", "副本抄送", "참조", "สำเนา",
    ),
    SUBJECT: (
        "subject", "betreff", "betr", "objet", "asunto", "assumpte", "assunto", "oggetto", "onderwerp", "ämne", "emne", "aihe",
        "temat", "předmět", "predmet", "tárgy", "тема", "относно", "θέμα", "konu", "subiect", "naslov", "zadeva", "наслов",
        "teema", "temats", "tēma", "tema", "efni", "chủ đề", "tiêu đề", "perihal", "subjek", "נושא", "الموضوع", "موضوع", "主题",
        "主旨", "件名", "題名", "제목", "เรื่อง", "gaia",
    ),
    OTHER: ("reply-to", "importance", "priority", "wichtigkeit", "attachments", "anlagen", "organization"),
}  # fmt: skip

# What a telephone or a free mail program adds below the text. `{}` marks nothing: each is the beginning of a short line.
SENT_FROM: Final = (
    "sent from my", "sent from mail for", "sent from yahoo", "sent from outlook", "sent from samsung", "sent from a",
    "sent from the", "sent from proton", "sent from gmail", "sent via", "sent with", "sent using", "sent by", "sent on the go",
    "get outlook for", "von meinem", "gesendet von", "gesendet mit", "gesendet über", "gesendet vom", "gesendet aus",
    "holen sie sich outlook", "outlook für ios", "outlook für android", "envoyé de mon", "envoyé depuis",
    "envoyé à partir", "télécharger outlook", "obtenez outlook", "envoyé avec", "enviado desde", "enviado do meu",
    "enviado de mi", "enviado a partir", "obtener outlook", "obter o outlook", "inviato da", "inviato dal", "ottieni outlook",
    "verstuurd vanaf", "verzonden vanaf", "verzonden met", "outlook voor ios", "skickat från", "skickades från", "hämta outlook",
    "sendt fra", "sendt med", "hent outlook", "lähetetty ipho", "lähetetty ipad", "lähetetty laitteesta", "hanki outlook",
    "wysłane z", "wysłano z", "pobierz program outlook", "odesláno z", "odoslané z", "iphone-ról küldve", "elküldve az",
    "az én ipho", "отправлено с", "отправлено из", "надіслано з", "изпратено от моя", "στάλθηκε από", "iphone'umdan",
    "ipad'imden", "trimis de pe", "poslano s", "poslano z", "poslano sa", "saadetud minu", "nosūtīts no", "išsiųsta iš",
    "được gửi từ", "đã gửi từ", "dikirim dari", "נשלח מה", "أُرسلت من", "تم الإرسال من", "ارسال شده از", "发自我的", "发自", "從我的",
    "自我的", "iphoneから送信", "ipadから送信", "iphone에서", "나의 iphone에서", "내 iphone에서", "ส่งจาก", "via mobile",
)  # fmt: skip

# Lines that companies, lists and virus scanners put under every mail: nobody's answer.
FOOTER: Final = (
    "this e-mail and any", "this email and any", "this message and any", "this e-mail is confidential",
    "this email is confidential", "this e-mail message is", "this e-mail may contain", "this email may contain",
    "this message may contain", "this message contains confidential", "this communication is", "this transmission is",
    "the information contained in this", "the information in this e", "confidentiality notice", "disclaimer", "legal notice",
    "confidentiality:", "this email has been checked for viruses", "this email was checked",
    "this e-mail has been scanned", "virus-free.", "scanned by", "diese e-mail enthält", "diese mail enthält",
    "diese nachricht enthält", "diese e-mail wurde von", "virenfrei", "vertraulichkeitshinweis", "der inhalt dieser e-mail",
    "ce message est confidentiel", "ce message et toutes", "ce courriel", "l'absence de virus", "garanti sans virus",
    "este mensaje y", "este correo electrónico", "aviso legal", "libre de virus", "esta mensagem", "aviso de confidencialidade",
    "livre de vírus", "questa e-mail", "questo messaggio", "le informazioni contenute", "avvertenze ai sensi",
    "dit bericht", "deze e-mail", "virusvrij", "please consider the environment", "please don't print",
    "think before you print", "ez az e-mail", "ta wiadomość", "niniejsza wiadomość", "wolny od wirusów", "tato zpráva",
    "это сообщение", "настоящее сообщение", "tämä sähköposti", "detta meddelande", "denne meddelelsen", "denne e-mail",
    "to unsubscribe", "you received this message because", "you are receiving this", "to view this discussion",
    "to post to this group", "for more options, visit this group", "reply to this email directly",
)  # fmt: skip

# Words that close a letter; a short name below them makes both a signature.
CLOSINGS: Final = (
    "thanks", "thank you", "thx", "many thanks", "thanks again", "thanks in advance", "cheers", "regards", "best regards",
    "best", "kind regards", "warm regards", "with regards", "yours", "sincerely", "yours sincerely", "yours truly", "yours faithfully",
    "best wishes", "all the best", "take care", "love", "br", "rgds", "mfg", "lg", "vg", "gruß", "grüße", "gruss", "danke",
    "viele grüße", "liebe grüße", "beste grüße", "schöne grüße", "mit freundlichen grüßen", "freundliche grüße", "vielen dank",
    "cordialement", "bien cordialement", "merci", "bonne journée", "salutations", "amicalement", "bien à vous", "saludos",
    "un saludo", "gracias", "atentamente", "cordialmente", "atenciosamente", "obrigado", "obrigada", "abraços", "um abraço",
    "cordiali saluti", "distinti saluti", "saluti", "grazie", "ciao", "met vriendelijke groet", "vriendelijke groeten", "groeten",
    "groetjes", "bedankt", "med vänlig hälsning", "vänliga hälsningar", "hälsningar", "mvh", "tack", "med vennlig hilsen",
    "med venlig hilsen", "hilsen", "takk", "tak", "terveisin", "ystävällisin terveisin", "kiitos", "pozdrawiam", "z poważaniem",
    "dziękuję", "s pozdravem", "děkuji", "s pozdravom", "ďakujem", "üdvözlettel", "köszönöm", "cu stimă", "mulțumesc",
    "с уважением", "спасибо", "с найкращими побажаннями", "з повагою", "дякую", "поздрави", "с уважение", "благодаря",
    "με εκτίμηση", "ευχαριστώ", "saygılarımla", "teşekkürler", "iyi çalışmalar", "srdačan pozdrav", "lijep pozdrav", "hvala", "lp",
    "lugupidamisega", "tänan", "ar cieņu", "paldies", "pagarbiai", "ačiū", "trân trọng", "cảm ơn", "hormat saya", "salam",
    "terima kasih", "בברכה", "תודה", "مع تحياتي", "شكرا", "با احترام", "此致", "谢谢", "祝好", "謝謝", "敬具", "よろしくお願いします",
    "よろしくお願いいたします", "감사합니다", "ขอบคุณ", "धन्यवाद",
)  # fmt: skip

# The sender says that what follows is meant to be read, or that the answers stand in it.
READ_ON: Final = (
    "see below", "below in", "in red", "in blue", "in green", "in bold", "in capitals", "inline", "in-line", "comments below",
    "answers below", "my comments", "fyi", "for your information", "siehe unten", "s. u.", "s.u.", "unten in", "in rot", "in blau",
    "im text", "zur info", "zur kenntnis", "z. k.", "z.k.", "voir ci-dessous", "ci-dessous", "en rouge", "en bleu", "pour info",
    "véase abajo", "ver abajo", "más abajo", "en rojo", "en azul", "para su información", "abaixo", "em vermelho", "para conhecimento",
    "vedi sotto", "qui sotto", "di seguito", "in rosso", "in blu", "per info", "per conoscenza", "zie hieronder", "hieronder",
    "in het rood", "ter info", "ter informatie", "se nedan", "nedan", "i rött", "för kännedom", "se nedenfor", "nedenfor",
    "til info", "til orientering", "katso alla", "alla olevat", "punaisella", "tiedoksi", "poniżej", "na czerwono", "do wiadomości",
    "viz níže", "níže", "červeně", "pro informaci", "nižšie", "lásd alább", "alább", "pirossal", "tájékoztatásul", "mai jos",
    "spre informare", "см. ниже", "ниже", "красным", "к сведению", "для информации", "див. нижче", "нижче", "до відома",
    "παρακάτω", "με κόκκινο", "aşağıda", "kırmızı", "bilginize", "u nastavku", "spodaj", "见下", "如下", "仅供参考", "見下", "以下",
    "ご参考", "아래", "참고", "bên dưới", "di bawah", "להלן", "לידיעתך", "أدناه",
)  # fmt: skip
