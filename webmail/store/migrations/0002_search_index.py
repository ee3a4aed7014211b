"""Full-text index: FTS5 with trigrams on SQLite, pg_trgm on PostgreSQL (jmap S17)."""

from django.db import migrations

SQLITE = [
    """CREATE VIRTUAL TABLE store_search USING fts5(
        people, subject, body,
        content='store_searchdocument', content_rowid='email_id', tokenize='trigram case_sensitive 1'
    )""",
    """CREATE TRIGGER store_search_insert AFTER INSERT ON store_searchdocument BEGIN
        INSERT INTO store_search(rowid, people, subject, body) VALUES (new.email_id, new.people, new.subject, new.body);
    END""",
    """CREATE TRIGGER store_search_delete AFTER DELETE ON store_searchdocument BEGIN
        INSERT INTO store_search(store_search, rowid, people, subject, body)
        VALUES ('delete', old.email_id, old.people, old.subject, old.body);
    END""",
    """CREATE TRIGGER store_search_update AFTER UPDATE ON store_searchdocument BEGIN
        INSERT INTO store_search(store_search, rowid, people, subject, body)
        VALUES ('delete', old.email_id, old.people, old.subject, old.body);
        INSERT INTO store_search(rowid, people, subject, body) VALUES (new.email_id, new.people, new.subject, new.body);
    END""",
]
POSTGRESQL = [
    "CREATE EXTENSION IF NOT EXISTS pg_trgm",
    "CREATE INDEX store_search_people ON store_searchdocument USING gin (people gin_trgm_ops)",
    "CREATE INDEX store_search_subject ON store_searchdocument USING gin (subject gin_trgm_ops)",
    "CREATE INDEX store_search_body ON store_searchdocument USING gin (body gin_trgm_ops)",
]


def create(apps, schema_editor):
    for statement in SQLITE if schema_editor.connection.vendor == "sqlite" else POSTGRESQL:
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("store", "0001_initial")]
    operations = [migrations.RunPython(create, migrations.RunPython.noop)]
