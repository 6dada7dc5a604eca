import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import Count, F

import annotation.models.queue


def fill(apps, schema_editor):
    """Items stand in order of their age, as before; the tallies are counted once."""
    apps.get_model("annotation", "Item").objects.update(place=F("id"))
    Tally = apps.get_model("annotation", "Tally")
    answered = (
        apps.get_model("annotation", "Assignment")
        .objects.filter(status="answered")
        .values_list("item__project", "annotator")
        .annotate(answered=Count("id"))
    )
    Tally.objects.bulk_create(
        Tally(project_id=project, annotator_id=annotator, answered=count)
        for project, annotator, count in answered
    )


class Migration(migrations.Migration):

    dependencies = [
        ("annotation", "0006_people"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="item",
            name="came_back",
            field=models.BooleanField(default=False, help_text="It was given out before: asked before what is new."),
        ),
        migrations.AddField(
            model_name="item",
            name="place",
            field=models.BigIntegerField(default=0, editable=False, help_text="Where it stands among those of its priority; the smaller comes first."),
        ),
        migrations.CreateModel(
            name="Bookmark",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("priority", models.IntegerField()),
                ("came_back", models.BooleanField()),
                ("place", models.BigIntegerField()),
                ("item_id", models.BigIntegerField()),
                ("begun", models.BigIntegerField(default=annotation.models.queue.place_now, editable=False)),
                ("annotator", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="bookmarks", to=settings.AUTH_USER_MODEL)),
                ("project", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="bookmarks", to="annotation.project")),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("project", "annotator", "priority", "came_back"), name="one_bookmark_per_lane")],
            },
        ),
        migrations.CreateModel(
            name="Tally",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("answered", models.PositiveIntegerField(default=0)),
                ("annotator", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="tallies", to=settings.AUTH_USER_MODEL)),
                ("project", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="tallies", to="annotation.project")),
            ],
            options={
                "verbose_name_plural": "tallies",
                "constraints": [models.UniqueConstraint(fields=("project", "annotator"), name="one_tally_per_person")],
            },
        ),
        migrations.RemoveIndex(model_name="item", name="item_queue"),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="item",
            name="place",
            field=models.BigIntegerField(default=annotation.models.queue.place_now, editable=False, help_text="Where it stands among those of its priority; the smaller comes first."),
        ),
        migrations.AddIndex(
            model_name="item",
            index=models.Index(models.F("project"), models.OrderBy(models.F("priority"), descending=True), models.OrderBy(models.F("came_back"), descending=True), models.F("place"), models.F("id"), condition=models.Q(("open_slots__gt", 0), ("status", "open")), name="item_queue"),
        ),
    ]
