"""What every command and the server do first: make an empty place ready, bring an old one up to date.

Idempotent, and free when there is nothing to do: a handful of small reads. "Empty" means that there is no database; configuration
files may be there already and are left alone. A database of newer code is refused and not touched.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.db import connection, transaction
from django.db.migrations.loader import MigrationLoader
from filelock import FileLock

from sessions_app.models import AuditEvent, AuditHead, User
from sessions_app.runtime.config_files import config_files_ready
from sessions_app.services.people import user_create
from sessions_app.services.perform import perform
from sessions_app.values import SYSTEM, Call, Command, Trigger

FIRST_USER = "admin"
ALL_PERMISSIONS = (
    "chat_own",
    "view_any",
    "reset_any",
    "restore_any",
    "view_audit",
    "export",
    "purge",
    "manage",
)
# docs/permissions.md says the same in words
GROUPS: dict[str, tuple[str, ...]] = {
    "User": ("chat_own",),
    "Operator": ("chat_own", "view_any", "reset_any", "restore_any"),
    "Auditor": ("view_any", "view_audit", "export"),
    "Admin": ALL_PERMISSIONS,
}
_POSTGRES_LOCK_ID = 0x486F6C64  # "Hold"


class DatabaseIsNewerError(Exception):
    """The database holds migrations this code does not know; nothing was changed.

    Args:
        unknown: what is recorded there and missing here, as `app.name`.
    """

    def __init__(self, unknown: list[str]) -> None:
        self.unknown = unknown
        super().__init__(
            f"This database was used by a newer Holdfast (it has {', '.join(unknown)}). Nothing was changed. "
            "Start that version again, or restore a backup made before the upgrade."
        )


def bootstrap() -> None:
    """Make this place ready to be used.

    Raises:
        DatabaseIsNewerError: the database is ahead of this code.
        django.db.Error: the database cannot be reached or read.

    Writes: migrations, groups with their permissions, the audit head, the first user with a conversation, configuration
        files; each only where it is missing.
    """
    private_dir_ready(settings.DATA_DIR)
    config_files_ready(settings.DATA_DIR)
    if migrations_pending() or not _rows_are_there():
        with _one_at_a_time():
            if migrations_pending():  # another process may have done it while this one waited
                call_command("migrate", verbosity=0, interactive=False)
            rows_ready()


def private_dir_ready(path: Path) -> None:
    """Take the data directory's rights from everybody but its owner; what is inside is private."""
    if path.stat().st_mode & 0o077:
        with suppress(PermissionError):  # somebody else's directory: its owner decides
            path.chmod(0o700)


def migrations_pending() -> bool:
    """Whether the newest migrations of this code are missing in the database. One query, plus a look at the tables.

    Raises:
        DatabaseIsNewerError: the database has migrations that this code has not.
    """
    loader = MigrationLoader(connection)
    assert loader.disk_migrations is not None
    unknown = [
        f"{app}.{name}"
        for app, name in sorted(loader.applied_migrations or {})
        if app in loader.migrated_apps and (app, name) not in loader.disk_migrations
    ]
    if unknown:
        raise DatabaseIsNewerError(unknown)
    return any(leaf not in (loader.applied_migrations or {}) for leaf in loader.graph.leaf_nodes())


def rows_ready() -> None:
    """Write the rows that Holdfast cannot do without, where they are missing.

    A group that exists keeps the permissions it has: an administrator may have changed them on purpose.

    Writes: Group up to 4, AuditHead up to 1, and on a place without people the first user; one transaction.
    """
    with transaction.atomic():
        last = AuditEvent.objects.order_by("-seq").first()  # a lost head goes on where the chain ends
        AuditHead.objects.get_or_create(pk=1, defaults={"last_seq": last.seq, "hash": last.hash} if last else {})
        permissions = {p.codename: p for p in Permission.objects.filter(content_type__app_label="sessions_app")}
        for name, codenames in GROUPS.items():
            group, is_new = Group.objects.get_or_create(name=name)
            if is_new:
                group.permissions.set([permissions[codename] for codename in codenames])
        if not User.objects.exists():
            first = {"username": FIRST_USER, "groups": ["Admin"], "is_superuser": True, "conversation": "main"}
            perform(Command(user_create, Call(SYSTEM, Trigger.CLI), first)).result()


def _rows_are_there() -> bool:
    return (
        AuditHead.objects.filter(pk=1).exists()
        and Group.objects.filter(name__in=GROUPS).count() == len(GROUPS)
        and User.objects.exists()
    )


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Keep two processes from making the same place ready at once."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [_POSTGRES_LOCK_ID])
            try:
                yield
            finally:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_POSTGRES_LOCK_ID])
    else:
        with FileLock(settings.DATA_DIR / "bootstrap.lock", mode=0o600):
            yield
