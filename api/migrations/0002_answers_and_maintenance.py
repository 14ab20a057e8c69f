from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("api", "0001_api_role")]
    operations = [
        migrations.CreateModel(
            name="KeptAnswer",
            fields=[
                (
                    "digest",
                    models.BinaryField(
                        help_text="sha256 of person, method, path and key", primary_key=True, serialize=False
                    ),
                ),
                ("fingerprint", models.BinaryField(help_text="sha256 of the body as JSON")),
                ("status", models.PositiveSmallIntegerField()),
                ("content_type", models.CharField(blank=True, max_length=100)),
                ("body", models.BinaryField()),
                ("expires_at", models.DateTimeField()),
            ],
            options={
                "indexes": [models.Index(fields=["expires_at"], name="keptanswer_expires_at")],
            },
        ),
        migrations.CreateModel(
            name="Maintenance",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("since", models.DateTimeField()),
            ],
            options={
                "constraints": [models.CheckConstraint(condition=models.Q(("id", 1)), name="maintenance_is_one_row")],
            },
        ),
    ]
