from django.db import migrations


class Migration(migrations.Migration):
    """Claims know disputes no more. Their tables are those of the app `disputes` since its first migration."""

    dependencies = [
        ('claims', '0001_initial'),
        # Nothing may refer to the model when it goes.
        ('disputes', '0001_initial'),
        ('takedowns', '0002_disputes_moved'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.DeleteModel(name='Freeze'),
                migrations.DeleteModel(name='Dispute'),
            ],
        ),
    ]
