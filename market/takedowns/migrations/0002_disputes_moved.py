import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('takedowns', '0001_initial'),
        ('disputes', '0001_initial'),
    ]

    operations = [
        # The table is the same under another name.
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    model_name='takedown',
                    name='dispute',
                    field=models.ForeignKey(blank=True, help_text="What holds the plug-in's earnings in escrow.", null=True, on_delete=django.db.models.deletion.PROTECT, related_name='takedowns', to='disputes.dispute'),
                ),
            ],
        ),
    ]
