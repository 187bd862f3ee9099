"""What was adopted from other systems: which lines of which files became which session, and the lines themselves, byte for byte.

A strand is one line of descent through a foreign transcript; most become one session. Its lines lie in blocks, compressed, each with
its place: digest, offset and size in the file, and the entry it became (0 for a line that says nothing to a reader).
"""

from __future__ import annotations

from django.db import models

from sessions_app.models.conversation import Session


class AdoptedSource(models.Model):
    """One file of a foreign store, or one part of a foreign database, as it was when it was last adopted."""

    store = models.CharField(max_length=300)
    path = models.CharField(max_length=600)
    kind = models.CharField(max_length=30)
    agent = models.CharField(max_length=100)
    size = models.BigIntegerField(default=0)
    accounts = models.JSONField(default=dict)
    adopted_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["store", "path"], name="adopted_source_once")]
        default_permissions = ()

    def __str__(self) -> str:
        return self.path


class AdoptedStrand(models.Model):
    """One line of descent through a foreign transcript: `lines` of its own, from line `parent_index` of its parent on.

    `messages` is what the session counted after its newest adopted line; `wants_current` says that it shall become current when it is
    whole. A trace has lines beside a session and no entries in it.
    """

    session = models.ForeignKey(Session, models.PROTECT, null=True, related_name="adopted_strands")
    source = models.ForeignKey(AdoptedSource, models.PROTECT, related_name="strands", db_index=False)
    parent = models.ForeignKey("self", models.PROTECT, null=True, related_name="+", db_index=False)
    parent_index = models.BigIntegerField(default=0)
    agent = models.CharField(max_length=100)
    foreign_id = models.CharField(max_length=100)
    foreign_key = models.CharField(max_length=500)
    kind = models.CharField(max_length=30)
    is_trace = models.BooleanField(default=False)
    wants_current = models.BooleanField(default=False)
    header = models.BinaryField(null=True)
    lines = models.BigIntegerField(default=0)
    messages = models.BigIntegerField(default=0)
    facts = models.JSONField(default=dict)
    created_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["agent", "foreign_id"], name="adopted_strand_foreign")]
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.foreign_id} {self.kind}"


class AdoptedBlock(models.Model):
    """Consecutive lines of a strand: `content` is zstd of the lines, each with a line end; `places` is packed, see `values.adoption`."""

    strand = models.ForeignKey(AdoptedStrand, models.PROTECT, related_name="blocks", db_index=False)
    first = models.BigIntegerField()
    lines = models.IntegerField()
    places = models.BinaryField()
    content = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["strand", "first"], name="adopted_block_once")]
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.strand_id} from {self.first}"


class AdoptedPlace(models.Model):
    """Another place in which a strand's content was found, or from which it came."""

    strand = models.ForeignKey(AdoptedStrand, models.PROTECT, related_name="places", db_index=False)
    source = models.ForeignKey(AdoptedSource, models.PROTECT, related_name="places", db_index=False)
    fate = models.CharField(max_length=20)
    lines = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["strand", "source"], name="adopted_place_once")]
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.source_id} {self.fate}"
