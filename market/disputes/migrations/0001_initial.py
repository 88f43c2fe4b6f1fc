import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

# The tables, with all that is named after them, were those of claims. What Django keeps of a model, such as rights to it, goes along.
RENAME = """
DO $$
DECLARE
    each record;
BEGIN
    ALTER TABLE {old}_dispute RENAME TO {new}_dispute;
    ALTER TABLE {old}_freeze RENAME TO {new}_freeze;
    FOR each IN
        SELECT conrelid::regclass AS home, conname AS name FROM pg_constraint
         WHERE conrelid IN ('{new}_dispute'::regclass, '{new}_freeze'::regclass) AND conname ~ '^{old}_(dispute|freeze)_'
    LOOP
        EXECUTE format('ALTER TABLE %s RENAME CONSTRAINT %I TO %I', each.home, each.name, replace(each.name, '{old}_', '{new}_'));
    END LOOP;
    FOR each IN
        SELECT relname AS name, relkind AS kind FROM pg_class
         WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('i', 'S') AND relname ~ '^{old}_(dispute|freeze)_'
    LOOP
        EXECUTE format('ALTER %s %I RENAME TO %I', CASE each.kind WHEN 'i' THEN 'INDEX' ELSE 'SEQUENCE' END,
                       each.name, replace(each.name, '{old}_', '{new}_'));
    END LOOP;
    UPDATE django_content_type SET app_label = '{new}' WHERE app_label = '{old}' AND model IN ('dispute', 'freeze');
END $$
"""


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('catalog', '0001_initial'),
        ('claims', '0001_initial'),
        ('contenttypes', '0002_remove_content_type_name'),
        ('ledger', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    RENAME.format(old='claims', new='disputes'), RENAME.format(old='disputes', new='claims')
                ),
            ],
            state_operations=[
                migrations.CreateModel(
                    name='Dispute',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('reason', models.TextField(max_length=4000)),
                        ('state', models.CharField(choices=[('filed', 'Filed'), ('open', 'Open'), ('dismissed', 'Dismissed'), ('released', 'Decided for the artist'), ('awarded', 'Decided for the claimant'), ('refunded', 'Given back to those who paid')], default='filed', max_length=10)),
                        ('filed_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                        ('opened_at', models.DateTimeField(blank=True, editable=False, null=True)),
                        ('accrued_from', models.DateTimeField(blank=True, help_text='What the plug-in earned from then on is disputed.', null=True)),
                        ('frozen_once', models.BooleanField(default=False, editable=False, help_text='Whether what was earned before is in escrow.')),
                        ('decided_at', models.DateTimeField(blank=True, editable=False, null=True)),
                        ('decision', models.TextField(blank=True, help_text='Why it was decided so.', max_length=4000)),
                        ('settled_at', models.DateTimeField(blank=True, editable=False, help_text='When nothing was left in escrow.', null=True)),
                        ('claimant', models.ForeignKey(blank=True, help_text='Empty: opened by a takedown that nobody with an account here asked for.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='disputes_filed', to=settings.AUTH_USER_MODEL)),
                        ('decided_by', models.ForeignKey(blank=True, help_text='Empty: by the rule that ends a takedown.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('opened_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('plugin', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='disputes', to='catalog.plugin')),
                    ],
                    options={
                        'ordering': ['-filed_at', '-pk'],
                        'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ['filed', 'open', 'dismissed', 'released', 'awarded', 'refunded'])), name='disputes_dispute_state_known'), models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='disputes_dispute_has_a_reason'), models.UniqueConstraint(condition=models.Q(('state', 'open')), fields=('plugin',), name='disputes_dispute_one_open_a_plugin'), models.UniqueConstraint(condition=models.Q(('state', 'filed')), fields=('plugin', 'claimant'), name='disputes_dispute_filed_once_a_person'), models.CheckConstraint(condition=models.Q(models.Q(('accrued_from', None), ('opened_at', None), ('opened_by', None), ('state__in', ['filed', 'dismissed'])), models.Q(('accrued_from__isnull', False), ('opened_at__isnull', False), ('opened_by__isnull', False), models.Q(('state__in', ['filed', 'dismissed']), _negated=True)), _connector='OR'), name='disputes_dispute_opened_by_somebody'), models.CheckConstraint(condition=models.Q(models.Q(('decided_at', None), ('decided_by', None), ('decision', ''), ('state__in', ['filed', 'open'])), models.Q(('decided_at__isnull', False), models.Q(('decision', ''), _negated=True), models.Q(('state__in', ['filed', 'open']), _negated=True)), _connector='OR'), name='disputes_dispute_decided_with_a_reason'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'awarded'), _negated=True), ('claimant__isnull', False), _connector='OR'), name='disputes_dispute_awarded_to_somebody')],
                    },
                ),
                migrations.CreateModel(
                    name='Freeze',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('subject', models.CharField(max_length=200)),
                        ('amount', models.BigIntegerField(help_text='Micro-units; below zero, what went back to the earnings.')),
                        ('at_opening', models.BooleanField(help_text='Of what was earned before the dispute was opened.')),
                        ('dispute', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='freezes', to='disputes.dispute')),
                        ('person', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('transfer', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.transfer')),
                    ],
                    options={
                        'ordering': ['pk'],
                        'constraints': [models.CheckConstraint(condition=models.Q(('amount', 0), _negated=True), name='disputes_freeze_amount_not_zero')],
                    },
                ),
            ],
        ),
    ]
