"""Names that mailboxes with a role bear in many languages, for servers without SPECIAL-USE (sync Y20).

A guess only: the user's choice and the server's own statement come first, and `sync.discovery.discover` decides.
"""

from __future__ import annotations

import unicodedata
from typing import Final

_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "drafts": (
        "draft, drafts, draft messages, unsent messages, entwürfe, entwurf, brouillon, brouillons, borrador, borradores",
        "bozza, bozze, concepten, concept, rascunho, rascunhos, szkice, kopie robocze, wersje robocze, utkast",
        "kladde, kladder, luonnokset, luonnos, koncepty, rozepsané, черновики, чернетки, taslaklar, πρόχειρα",
        "piszkozatok, ciorne, koncepti, skice, 下書き, 下書, 草稿, 草稿箱, 草稿夾, 임시보관함, 임시 보관함, טיוטות, مسودات",
        "чернови, нацрти, nacrti, osnutki, mustandid, juodraščiai, melnraksti, esborranys, zirriborroak, borradores, drög",
        "پیش‌نویس‌ها, پیش نویس, ड्राफ़्ट, ड्राफ्ट, ฉบับร่าง, จดหมายร่าง, thư nháp, bản nháp, draf, konsep, المسودات",
    ),
    "sent": (
        "sent, sent items, sent messages, sent mail, sent-mail, outgoing, gesendet, gesendete, gesendete objekte",
        "gesendete elemente, gesendete nachrichten, envoyé, envoyés, messages envoyés, éléments envoyés, courrier envoyé",
        "objets envoyés, enviado, enviados, elementos enviados, mensajes enviados, correo enviado, inviata, inviati",
        "posta inviata, messaggi inviati, verzonden, verzonden items, verzonden berichten, itens enviados",
        "mensagens enviadas, wysłane, elementy wysłane, skickat, skickade, skickade meddelanden, sendt, sendte",
        "sendt post, sendte elementer, sendte meldinger, lähetetyt, lähetetyt viestit, odeslané, odeslaná pošta",
        "отправленные, надіслані, gönderilmiş öğeler, gönderilenler, απεσταλμένα, elküldött, trimise, poslano, odoslané",
        "送信済み, 送信済みメール, 送信済みアイテム, 已发送, 已发送邮件, 已傳送, 寄件備份, 보낸편지함, 보낸 편지함, נשלחו, المرسلة",
        "изпратени, послато, послати, poslane, poslani, poslana pošta, saadetud, išsiųsti, išsiųsta, nosūtītie, nosūtīts, enviats",
        "bidalitakoak, bidalia, mensaxes enviadas, lähetetyt, ارسال‌شده, ارسال شده, भेजे गए, भेजा गया, ส่งแล้ว, รายการที่ส่ง, đã gửi",
        "thư đã gửi, terkirim, surat terkirim, 已傳送的郵件, 寄件匣, דואר שנשלח, פריטים שנשלחו, البريد المرسل, العناصر المرسلة",
    ),
    "archive": (
        "archive, archives, archived, archiv, archivo, archivio, archief, arquivo, archiwum, arkiv, arkisto, архив, архів",
        "arşiv, αρχείο, archívum, arhiva, arhiv, アーカイブ, 归档, 存档, 封存, 보관함",
        "архива, архіви, arhiiv, archyvas, arhīvs, arxiu, arxius, artxiboa, arquivos, ארכיון, أرشيف, الأرشيف, بایگانی, संग्रह, पुरालेख",
        "เก็บถาวร, lưu trữ, arsip, archív, arhivă, 封存郵件",
    ),
    "junk": (
        "junk, junk e-mail, junk email, junk mail, spam, bulk mail, unerwünscht, unerwünschte werbung, werbung",
        "courrier indésirable, indésirables, pourriel, pourriels, correo no deseado, correo basura, posta indesiderata",
        "indesiderata, ongewenst, ongewenste e-mail, ongewenste post, lixo eletrônico, lixo electrónico, wiadomości-śmieci",
        "niechciane, skräppost, uønsket post, uønsket mail, søppelpost, søppel-e-post, roskaposti, nevyžádaná pošta",
        "nevyžádané, спам, нежелательная почта, önemsiz, önemsiz e-posta, ανεπιθύμητα, levélszemét, 迷惑メール",
        "垃圾邮件, 垃圾郵件, 垃圾邮箱, 스팸, 스팸메일함, 정크 메일",
        "нежелана поща, непожелана поща, нежељена пошта, непожељна пошта, neželena pošta, neželjena pošta, vsiljena pošta, rämpspost",
        "brukalas, šlamštas, mēstules, surogātpasts, correu brossa, zabor-posta, correo lixo, nedorite, небажана пошта",
        "דואר זבל, زبالة, بريد مزعج, البريد غير المرغوب فيه, هرزنامه, स्पैम, จดหมายขยะ, อีเมลขยะ, thư rác, email sampah, 垃圾信件",
    ),
    "trash": (
        "trash, deleted, deleted items, deleted messages, bin, wastebasket, rubbish, papierkorb, gelöscht",
        "gelöschte objekte, gelöschte elemente, gelöschte nachrichten, corbeille, éléments supprimés, messages supprimés",
        "papelera, eliminados, elementos eliminados, mensajes eliminados, cestino, posta eliminata, elementi eliminati",
        "prullenbak, prullenmand, verwijderd, verwijderde items, lixeira, lixo, itens excluídos, itens eliminados, reciclagem",
        "kosz, elementy usunięte, usunięte, papperskorg, papperskorgen, borttaget, borttagna, papirkurv, papirkurven",
        "slettet, slettede elementer, slettet post, roskakori, poistetut, koš, odstraněná pošta, odstraněné, kôš, корзина",
        "удаленные, удалённые, кошик, çöp kutusu, silinmiş öğeler, κάδος απορριμμάτων, kuka, lomtár, coș de gunoi",
        "ゴミ箱, ごみ箱, 削除済みアイテム, 已删除, 已删除邮件, 废纸篓, 垃圾桶, 刪除的郵件, 휴지통, 지운편지함, אשפה, المهملات",
        "кошче, отпад, смеће, smeće, otpad, smetnjak, prügikast, šiukšlinė, šiukšliadėžė, atkritne, miskaste, paperera, zakarrontzia",
        "papeleira, lixeiro, kukë, פריטים שנמחקו, العناصر المحذوفة, سلة المهملات, سطل زباله, زباله‌دان, ट्रैश, रद्दी, ถังขยะ, thùng rác",
        "tempat sampah, sampah, 已刪除的郵件, 已刪除, 回收筒, törölt elemek, elementy usunięte",
    ),
    "all": ("all mail, alle nachrichten, tous les messages, todos, tutti i messaggi, alle berichten, вся почта",),
    "flagged": ("starred, flagged, markiert, suivis, destacados, speciali, met ster, помеченные",),
}


def _folded(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().replace("_", " ").split())


_ROLE_OF_NAME: Final = {
    _folded(name): role for role, lines in _NAMES.items() for line in lines for name in line.split(",")
}
# Where providers put their own mailboxes; a mailbox deeper in a tree of the user's is not guessed at.
_PARENTS: Final = frozenset({"inbox", "[gmail]", "[google mail]", "mail"})


def guess_role(name: str, delimiter: str | None) -> str | None:
    """The JMAP role that a mailbox of this full name usually has, or None. Only at the top, or right below INBOX."""
    parts = name.split(delimiter) if delimiter else [name]
    if _folded(name) == "inbox":
        return "inbox"
    if len(parts) > 2 or (len(parts) == 2 and _folded(parts[0]) not in _PARENTS):
        return None
    return _ROLE_OF_NAME.get(_folded(parts[-1]))
