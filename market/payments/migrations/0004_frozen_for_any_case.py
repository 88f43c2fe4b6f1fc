import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

FILL = "UPDATE payments_frozenearning SET held_for = 'charge-back:' || charge_back_id"


class Migration(migrations.Migration):

    dependencies = [
        ('ledger', '0001_initial'),
        ('payments', '0003_traces'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='frozenearning',
            name='held_for',
            field=models.CharField(default='', help_text="The case in the ledger's words, such as charge-back:3.", max_length=40),
            preserve_default=False,
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.AlterField(
            model_name='frozenearning',
            name='charge_back',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='freezes', to='payments.chargeback'),
        ),
        migrations.AddIndex(
            model_name='frozenearning',
            index=models.Index(fields=['held_for'], name='payments_frozenearning_case'),
        ),
        migrations.AddConstraint(
            model_name='frozenearning',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('charge_back__isnull', False), ('held_for__startswith', 'charge-back:')), models.Q(('charge_back', None), models.Q(('held_for', ''), _negated=True), models.Q(('held_for__startswith', 'charge-back:'), _negated=True)), _connector='OR'), name='payments_frozenearning_held_for_one_case'),
        ),
    ]
