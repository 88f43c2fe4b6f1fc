from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('claims', '0001_disputes'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='freeze',
            name='claims_freeze_amount_above_zero',
        ),
        migrations.AlterField(
            model_name='freeze',
            name='amount',
            field=models.BigIntegerField(help_text='Micro-units; below zero, what went back to the earnings.'),
        ),
        migrations.AddConstraint(
            model_name='freeze',
            constraint=models.CheckConstraint(condition=models.Q(('amount', 0), _negated=True), name='claims_freeze_amount_not_zero'),
        ),
    ]
