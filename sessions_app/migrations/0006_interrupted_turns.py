"""Answers that a stop cut off can be listed without looking at all others."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """One small index: only of interrupted runs."""

    dependencies = [("sessions_app", "0005_search")]

    operations = [
        migrations.AddIndex(
            model_name="run",
            index=models.Index(
                fields=["-finished_at", "-id"], condition=models.Q(("state", "interrupted")), name="run_interrupted"
            ),
        ),
    ]
