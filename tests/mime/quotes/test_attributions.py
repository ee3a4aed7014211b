"""Attributions, headers and marks of mail programs in the languages they speak."""

import textwrap

import pytest

from webmail.mime.quotes.lines import (
    field_role,
    is_closing,
    is_footer,
    is_forward_mark,
    is_original_mark,
    is_sent_from,
    may_be_attribution,
)
from webmail.mime.quotes.reply import new_text

ATTRIBUTIONS = [
    "On Mon, 2 Mar 2026 at 14:05, Anna Berg <anna@example.org> wrote:",
    "On 2 Mar 2026, at 14:05, Anna Berg wrote:",
    "On 02/03/2026 14:05, Anna Berg wrote:",
    "--- On Mon, 3/2/26, Anna Berg <anna@example.org> wrote:",
    "Anna Berg wrote:",
    "Anna Berg <anna@example.org> writes:",
    "Quoting Anna Berg <anna@example.org>:".replace("Quoting", "2026-03-02 quoting"),
    "In article <abc@example.org>, anna@example.org wrote:",
    "Am Mo., 2. März 2026 um 14:05 Uhr schrieb Anna Berg <anna@example.org>:",
    "Am 02.03.2026 um 14:05 schrieb Anna Berg:",
    "Le lun. 2 mars 2026 à 14:05, Anna Berg <anna@example.org> a écrit :",
    "Le 2 mars 2026 à 14:05, Anna Berg a écrit :",
    "El lun, 2 mar 2026 a las 14:05, Anna Berg (<anna@example.org>) escribió:",
    "Em seg., 2 de mar. de 2026 às 14:05, Anna Berg <anna@example.org> escreveu:",
    "Il giorno lun 2 mar 2026 alle ore 14:05 Anna Berg <anna@example.org> ha scritto:",
    "Op ma 2 mrt 2026 om 14:05 schreef Anna Berg <anna@example.org>:",
    "Op 2-3-2026 om 14:05 schreef Anna Berg:",
    "Den mån 2 mars 2026 kl 14:05 skrev Anna Berg <anna@example.org>:",
    "man. 2. mar. 2026 kl. 14:05 skrev Anna Berg <anna@example.org>:",
    "Den man. 2. mar. 2026 kl. 14.05 skrev Anna Berg <anna@example.org>:",
    "ma 2. maalisk. 2026 klo 14.05 Anna Berg (anna@example.org) kirjoitti:",
    "pon., 2 mar 2026 o 14:05 Anna Berg <anna@example.org> napisał(a):",
    "W dniu 2.03.2026 o 14:05, Anna Berg pisze:",
    "po 2. 3. 2026 v 14:05 odesílatel Anna Berg <anna@example.org> napsal:",
    "po 2. 3. 2026 o 14:05 Anna Berg <anna@example.org> napísal(a):",
    "Anna Berg <anna@example.org> ezt írta (időpont: 2026. márc. 2., H, 14:05):",
    "Pe lun., 2 mar. 2026 la 14:05, Anna Berg <anna@example.org> a scris:",
    "На пн, 2.03.2026 г. в 14:05 Anna Berg <anna@example.org> написа:",
    "пн, 2 мар. 2026 г. в 14:05, Anna Berg <anna@example.org>:",
    "Понедельник, 2 марта 2026, 14:05 +03:00 от Anna Berg <anna@example.org>:",
    "02.03.2026, 14:05, «Anna Berg» <anna@example.org>:",
    "2 марта 2026 г., в 14:05, Anna Berg написал(а):",
    "пн, 2 бер. 2026 р. о 14:05 Anna Berg <anna@example.org> пише:",
    "Στις Δευ 2 Μαρ 2026 στις 2:05 μ.μ., ο χρήστης Anna Berg <anna@example.org> έγραψε:",
    "Anna Berg <anna@example.org>, 2 Mar 2026 Pzt, 14:05 tarihinde şunu yazdı:",
    "pon, 2. ožu 2026. u 14:05 Anna Berg <anna@example.org> napisao je:",
    "V V pon., 2. mar. 2026 ob 14:05 je oseba Anna Berg <anna@example.org> napisala:",
    "Kuupäev 2. märts 2026 kell 14:05 kirjutas Anna Berg <anna@example.org>:",
    "2026-03-02, pr, 14:05 Anna Berg <anna@example.org> rašė:",
    "Pirmd., 2026. g. 2. marts plkst. 14:05 — lietotājs Anna Berg (<anna@example.org>) rakstīja:",
    "El dl., 2 de març 2026, 14:05, Anna Berg <anna@example.org> va escriure:",
    "2026年3月2日(月) 14:05 Anna Berg <anna@example.org>:",
    "Anna Berg <anna@example.org> 于2026年3月2日周一 14:05写道：",
    "在 2026年3月2日，14:05，Anna Berg <anna@example.org> 写道：",
    "Anna Berg <anna@example.org> 於 2026年3月2日 週一 下午2:05寫道：",
    "2026년 3월 2일 (월) 오후 2:05, Anna Berg <anna@example.org>님이 작성:",
    "Vào Th 2, 2 thg 3, 2026 vào lúc 14:05 Anna Berg <anna@example.org> đã viết:",
    "ในวันที่ จ. 2 มี.ค. 2026 เวลา 14:05 Anna Berg <anna@example.org> เขียนว่า:",
    "Pada tanggal Sen, 2 Mar 2026 pukul 14.05 Anna Berg <anna@example.org> menulis:",
    "\u200fבתאריך יום ב׳, 2 במרץ 2026 ב-14:05 מאת \u202aAnna Berg\u202c\u200f <\u202aanna@example.org\u202c\u200f>:\u202c",
    "في الاثنين، 2 مارس 2026 في 2:05 م تمت كتابة ما يلي بواسطة Anna Berg <anna@example.org>:",
    "در دوشنبه ۲ مارس 2026،‏ 14:05 Anna Berg <anna@example.org> نوشت:",
    "सोम, 2 मार्च 2026 को 14:05 बजे को Anna Berg <anna@example.org> ने लिखा:",
]


@pytest.mark.parametrize("line", ATTRIBUTIONS)
def test_an_attribution_belongs_to_the_quotation_below_it(line: str) -> None:
    assert may_be_attribution(line)
    assert new_text(f"My answer\n\n{line}\n\n> Old words\n") == "My answer"


@pytest.mark.parametrize("line", [line for line in ATTRIBUTIONS if len(line) > 50])
@pytest.mark.parametrize("width", [40, 50, 60, 72])
def test_an_attribution_may_be_wrapped(line: str, width: int) -> None:
    wrapped = textwrap.fill(line, width)
    assert new_text(f"My answer\n\n{wrapped}\n> Old words\n") == "My answer"


def test_a_line_in_front_of_an_attribution_stays_with_the_sender() -> None:
    line = "Thu, 26 Jun 2014 14:00:51 +0400 от Anna <anna@example.org>:"
    assert new_text(f"Hello\nOn it!\n{line}\n> Old words\n") == "Hello\nOn it!"


@pytest.mark.parametrize(
    "line",
    [
        "I have three questions:",
        "See my answers below:",
        "He never wrote it down.",
        "Meet at 14:05 in room 3:",
        "She wrote: what a day, and left.",
        "",
        ":",
    ],
)
def test_ordinary_lines_are_no_attribution(line: str) -> None:
    assert not may_be_attribution(line)
    assert new_text(f"Hello\n{line}\n> Old words\n") == f"Hello\n{line}".strip()


HEADERS = [
    ("From", "Sent", "To", "Subject"),
    ("Von", "Gesendet", "An", "Betreff"),
    ("De", "Envoyé", "À", "Objet"),
    ("De", "Enviado el", "Para", "Asunto"),
    ("De", "Enviada em", "Para", "Assunto"),
    ("Da", "Inviato", "A", "Oggetto"),
    ("Van", "Verzonden", "Aan", "Onderwerp"),
    ("Från", "Skickat", "Till", "Ämne"),
    ("Fra", "Sendt", "Til", "Emne"),
    ("Lähettäjä", "Lähetetty", "Vastaanottaja", "Aihe"),
    ("Od", "Wysłano", "Do", "Temat"),
    ("Od", "Odesláno", "Komu", "Předmět"),
    ("Od", "Odoslané", "Komu", "Predmet"),
    ("Feladó", "Elküldve", "Címzett", "Tárgy"),
    ("De la", "Trimis", "Către", "Subiect"),
    ("От", "Отправлено", "Кому", "Тема"),
    ("Від", "Надіслано", "Кому", "Тема"),
    ("От", "Изпратено", "До", "Относно"),
    ("Από", "Στάλθηκε", "Προς", "Θέμα"),
    ("Kimden", "Gönderildi", "Kime", "Konu"),
    ("Od", "Poslano", "Za", "Zadeva"),
    ("Saatja", "Saadetud", "Adressaat", "Teema"),
    ("发件人", "发送时间", "收件人", "主题"),
    ("寄件者", "寄件日期", "收件者", "主旨"),
    ("差出人", "送信日時", "宛先", "件名"),
    ("보낸 사람", "보낸 날짜", "받는 사람", "제목"),
    ("Từ", "Đã gửi", "Đến", "Chủ đề"),
    ("จาก", "ส่ง", "ถึง", "เรื่อง"),
    ("Dari", "Dikirim", "Kepada", "Perihal"),
    ("מאת", "נשלח", "אל", "נושא"),
    ("من", "تم الإرسال", "إلى", "الموضوع"),
]


@pytest.mark.parametrize("names", HEADERS, ids=lambda names: names[0])
@pytest.mark.parametrize("form", ["{}: {}", "*{}:* {}", "{} : {}", "{}：{}"])
def test_the_header_of_an_answered_message_begins_a_quotation(names: tuple[str, ...], form: str) -> None:
    values = ("Anna Berg <anna@example.org>", "2 Mar 2026 14:05", "Box <box@example.net>", "Plan")
    header = "\n".join(form.format(name, value) for name, value in zip(names, values, strict=True))
    assert new_text(f"My answer\n\n{header}\n\nOld words\n") == "My answer"


@pytest.mark.parametrize(
    "line",
    [
        "-----Original Message-----",
        "----- Original Message -----",
        "-------- Original Message --------",
        "-----Ursprüngliche Nachricht-----",
        "-------- Originalnachricht --------",
        "-----Message d'origine-----",
        "-----Mensaje original-----",
        "-----Mensagem original-----",
        "-----Messaggio originale-----",
        "-----Oorspronkelijk bericht-----",
        "-----Ursprungligt meddelande-----",
        "-----Opprinnelig melding-----",
        "-----Oprindelig meddelelse-----",
        "-----Alkuperäinen viesti-----",
        "-----Wiadomość oryginalna-----",
        "-----Původní zpráva-----",
        "-----Eredeti üzenet-----",
        "-----Исходное сообщение-----",
        "-----Orijinal Mesaj-----",
        "-----Αρχικό μήνυμα-----",
        "------------------ 原始邮件 ------------------",
        "-----元のメッセージ-----",
        "-----원본 메시지-----",
        "-----הודעה מקורית-----",
    ],
)
def test_a_mark_of_the_original_message_begins_a_quotation(line: str) -> None:
    assert is_original_mark(line)
    assert new_text(f"My answer\n\n{line}\nOld words\n") == "My answer"


@pytest.mark.parametrize(
    "line",
    [
        "---------- Forwarded message ---------",
        "Begin forwarded message:",
        "-------- Weitergeleitete Nachricht --------",
        "Anfang der weitergeleiteten Nachricht:",
        "---------- Message transféré ---------",
        "Début du message réexpédié :",
        "---------- Mensaje reenviado ----------",
        "Inicio del mensaje reenviado:",
        "---------- Messaggio inoltrato ---------",
        "-------- Doorgestuurd bericht --------",
        "---------- Vidarebefordrat meddelande ---------",
        "---------- Wiadomość przekazana dalej ---------",
        "-------- Пересылаемое сообщение --------",
        "-------- 转发邮件信息 --------",
        "---------- 転送されたメッセージ ---------",
        "----- Forwarded by Anna Berg/Example on 02/03/2026 14:05 -----",
    ],
)
def test_a_mark_of_a_forwarded_message_is_known(line: str) -> None:
    assert is_forward_mark(line)
    assert not is_original_mark(line)


@pytest.mark.parametrize("line", ["Original message", "--- the original message is lost ---", "forwarded message"])
def test_words_in_a_sentence_are_no_marks(line: str) -> None:
    assert not is_original_mark(line)
    assert not is_forward_mark(line)


@pytest.mark.parametrize(
    "line",
    [
        "Sent from my iPhone",
        "Von meinem iPhone gesendet",
        "Envoyé de mon iPhone",
        "Enviado desde mi iPhone",
        "Inviato da iPhone",
        "Verstuurd vanaf mijn iPhone",
        "Отправлено с iPhone",
        "发自我的 iPhone",
        "iPhoneから送信",
        "Get Outlook for Android",
        "Sent with Proton Mail secure email.",
    ],
)
def test_what_telephones_add_is_a_signature(line: str) -> None:
    assert is_sent_from(line)
    assert new_text(f"My answer\n\n{line}\n") == "My answer"


def test_notices_and_closings_are_known() -> None:
    assert is_footer("This e-mail and any attachments are confidential.")
    assert is_footer("Diese E-Mail enthält vertrauliche Informationen.")
    assert not is_footer("This e-mail is great")
    assert is_closing("Best regards,")
    assert is_closing("Viele Grüße")
    assert not is_closing("Best of all, it is free")


@pytest.mark.parametrize(
    ("line", "role"),
    [
        ("From: Anna", "from"),
        ("*Sent:* Monday", "sent"),
        ("Дата: сегодня", "date"),
        ("件名：計画", "subject"),
        ("http://example.org", None),
        ("Note: this", None),
        ("From Anna", None),
    ],
)
def test_fields_have_roles(line: str, role: str | None) -> None:
    assert field_role(line) == role
