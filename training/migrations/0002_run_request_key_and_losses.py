from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("training", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="run",
            name="losses",
            field=models.PositiveIntegerField(
                default=0, help_text="Workers lost since a person last started or resumed it."
            ),
        ),
        migrations.AddField(
            model_name="run",
            name="request_key",
            field=models.CharField(
                blank=True,
                editable=False,
                help_text="Made with the launch form; the same form sent again starts nothing.",
                max_length=64,
                null=True,
                unique=True,
            ),
        ),
        migrations.AlterField(
            model_name="run",
            name="heartbeat",
            field=models.DateTimeField(
                blank=True, help_text="Running: last sign of life. Queued: last knock.", null=True
            ),
        ),
    ]
