"""Where an Email stands in lists over everything and for its conversation, kept with it: a list by index is one walk."""

from django.db import migrations, models

_LATER = "(one.received_at, one.email_id) > (%(row)s.received_at, %(row)s.%(id)s)"
_ELSEWHERE = "JOIN store_mailbox box ON box.id = one.mailbox_id WHERE box.role NOT IN ('trash', 'junk')"
_OF_EMAIL = _LATER % {"row": "store_email", "id": "id"}

_FILL = (
    "UPDATE store_emailmailbox SET is_newest = NOT EXISTS (SELECT 1 FROM store_emailmailbox one "
    "WHERE one.thread_id = store_emailmailbox.thread_id AND one.mailbox_id = store_emailmailbox.mailbox_id "
    f"AND {_LATER % {'row': 'store_emailmailbox', 'id': 'email_id'}})",
    "UPDATE store_email SET is_visible = EXISTS (SELECT 1 FROM store_emailmailbox one "
    f"{_ELSEWHERE} AND one.email_id = store_email.id)",
    "UPDATE store_email SET is_newest = NOT EXISTS (SELECT 1 FROM store_emailmailbox one "
    f"{_ELSEWHERE} AND one.thread_id = store_email.thread_id AND {_OF_EMAIL}) WHERE is_visible",
    "UPDATE store_email SET is_newest_unread = NOT EXISTS (SELECT 1 FROM store_emailmailbox one "
    "JOIN store_email other ON other.id = one.email_id "
    f"{_ELSEWHERE} AND other.is_unread AND one.thread_id = store_email.thread_id AND {_OF_EMAIL}) "
    "WHERE is_visible AND is_unread",
)


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0005_mail_pages'),
        ('store', '0006_organising'),
    ]

    operations = [
        migrations.AddField(
            model_name='email',
            name='is_newest',
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name='email',
            name='is_newest_unread',
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name='email',
            name='is_visible',
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name='emailmailbox',
            name='is_newest',
            field=models.BooleanField(default=True),
        ),
        *(migrations.RunSQL(statement, migrations.RunSQL.noop) for statement in _FILL),
        migrations.RemoveIndex(
            model_name='emailmailbox',
            name='store_membership_list',
        ),
        migrations.AddIndex(
            model_name='email',
            index=models.Index(condition=models.Q(('is_visible', True)), fields=['account', '-received_at', '-id', 'thread', 'is_newest'], name='store_email_visible'),
        ),
        migrations.AddIndex(
            model_name='email',
            index=models.Index(condition=models.Q(('is_visible', True), ('is_unread', True)), fields=['account', '-received_at', '-id', 'thread', 'is_newest_unread'], name='store_email_unread'),
        ),
        migrations.AddIndex(
            model_name='emailmailbox',
            index=models.Index(fields=['mailbox', '-received_at', '-email', 'thread', 'is_newest'], name='store_membership_window'),
        ),
    ]
