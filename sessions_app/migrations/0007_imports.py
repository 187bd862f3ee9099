"""What imports keep: where sessions came from, and audit events of other places."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('sessions_app', '0006_interrupted_turns'),
    ]

    operations = [
        migrations.CreateModel(
            name='ImportedConversation',
            fields=[
                ('conversation', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='imported', serialize=False, to='sessions_app.conversation')),
                ('owner_name', models.CharField(max_length=150)),
                ('given_to', models.BigIntegerField()),
                ('facts', models.JSONField(default=dict)),
                ('wants_current', models.UUIDField(null=True)),
                ('set_aside', models.UUIDField(null=True)),
            ],
            options={
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='ImportedSession',
            fields=[
                ('session', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='imported', serialize=False, to='sessions_app.session')),
                ('source_id', models.UUIDField()),
                ('source_digest', models.CharField(blank=True, max_length=64)),
                ('was_open', models.BooleanField()),
                ('is_whole', models.BooleanField(default=False)),
                ('imported_at', models.DateTimeField()),
            ],
            options={
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='ImportedAudit',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('hash', models.CharField(max_length=64, unique=True)),
                ('session_key', models.CharField(max_length=200)),
                ('old_session_id', models.UUIDField(null=True)),
                ('new_session_id', models.UUIDField(null=True)),
                ('line', models.TextField()),
            ],
            options={
                'default_permissions': (),
                'indexes': [models.Index(fields=['session_key', 'id'], name='imported_audit_by_key')],
            },
        ),
    ]
