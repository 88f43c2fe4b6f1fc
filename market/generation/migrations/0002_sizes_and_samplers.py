from django.db import migrations, models
from django.db.models import OuterRef, Q, Subquery

from market.sql import check_rows_now


def fill_sizes(apps, schema_editor):
    """Until now every picture had the size of its base."""
    requests = apps.get_model("generation", "GenerationRequest").objects
    releases = apps.get_model("basemodels", "BaseRelease").objects
    side = releases.filter(pk=OuterRef("release_id")).values("base__resolution")[:1]
    requests.update(width=Subquery(side), height=Subquery(side))
    check_rows_now(schema_editor)


class Migration(migrations.Migration):

    dependencies = [
        ("basemodels", "0001_initial"),
        ("generation", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            "generationrequest",
            "sampler",
            models.CharField(blank=True, default="", help_text="Empty: the base's own.", max_length=20),
            preserve_default=False,
        ),
        migrations.AddField("generationrequest", "width", models.PositiveIntegerField(null=True)),
        migrations.AddField("generationrequest", "height", models.PositiveIntegerField(null=True)),
        migrations.RunPython(fill_sizes, migrations.RunPython.noop, elidable=True),
        migrations.AlterField(
            "generationrequest", "width", models.PositiveIntegerField(help_text="Of each picture, in pixels.")
        ),
        migrations.AlterField("generationrequest", "height", models.PositiveIntegerField()),
        migrations.AddConstraint(
            "generationrequest",
            models.CheckConstraint(
                condition=Q(width__gte=1, height__gte=1, width__lte=4096, height__lte=4096),
                name="generation_size_in_range",
            ),
        ),
    ]
