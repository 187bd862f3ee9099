"""The search index. Its words lie in a table of the engine's own kind; see selectors/search_engines.py."""

from __future__ import annotations

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

SQLITE = """
    CREATE VIRTUAL TABLE sessions_app_searchtext USING fts5(
        words, content='', columnsize=0, prefix='3', tokenize="ascii tokenchars '.'")
"""
POSTGRES = """
    CREATE TABLE sessions_app_searchtext (position bigint PRIMARY KEY, words tsvector NOT NULL);
    CREATE INDEX search_words ON sessions_app_searchtext USING gin (words) WITH (fastupdate = off);
"""


def create(_apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Make the table of words."""
    schema_editor.execute(POSTGRES if schema_editor.connection.vendor == "postgresql" else SQLITE)


def drop(_apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Take it away again."""
    schema_editor.execute("DROP TABLE sessions_app_searchtext")


class Migration(migrations.Migration):
    """Three tables: what can be found, how far the index has come, and the words."""

    dependencies = [("sessions_app", "0003_adoption")]
    operations = [
        migrations.CreateModel(
            name="SearchRow",
            fields=[
                ("position", models.BigIntegerField(primary_key=True, serialize=False)),
                ("entry_id", models.BigIntegerField(unique=True)),
            ],
            options={"default_permissions": ()},
        ),
        migrations.CreateModel(
            name="SearchState",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("cursor", models.BigIntegerField(default=0)),
                ("head", models.BigIntegerField(default=0)),
                ("horizon", models.BigIntegerField(default=0)),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.CheckConstraint(condition=models.Q(pk=1), name="search_state_is_one_row")
                ],
            },
        ),
        migrations.RunPython(create, drop),
    ]
