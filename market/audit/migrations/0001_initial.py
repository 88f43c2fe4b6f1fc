import django.core.serializers.json
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

from market.sql import LoadSql


class Migration(migrations.Migration):

    # The migrations of a database that was made before the first release.
    replaces = [
        ('audit', '0001_audit_line'),
        ('audit', '0002_guards'),
    ]

    initial = True

    dependencies = [
        ('admin', '0003_logentry_add_action_flag_choices'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='AuditLine',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('acting_as', models.CharField(choices=[('admin', 'Admin'), ('person', 'Person without the role of an admin'), ('visitor', 'Visitor, not signed in'), ('system', 'Command or background process')], max_length=10)),
                ('action', models.CharField(help_text='DOMAIN.WHAT_WAS_DONE', max_length=60)),
                ('target', models.CharField(help_text='TYPE:ID, or a type of which there is one.', max_length=120)),
                ('label', models.CharField(help_text='What the target was called at that time.', max_length=200)),
                ('details', models.JSONField(default=dict, encoder=django.core.serializers.json.DjangoJSONEncoder, help_text='What changed from what to what, the reason, figures.')),
                ('address', models.GenericIPAddressField(blank=True, null=True, verbose_name='IP address')),
                ('transaction', models.BigIntegerField(db_default=0, editable=False, help_text='The database transaction that did it and wrote this line.')),
                ('person', models.ForeignKey(blank=True, db_index=False, help_text='Empty for visitors and commands.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-pk'],
                'indexes': [models.Index(fields=['person', '-id'], name='audit_line_person'), models.Index(fields=['action', '-id'], name='audit_line_action'), models.Index(fields=['target', '-id'], name='audit_line_target'), models.Index(fields=['at'], name='audit_line_at'), models.Index(fields=['transaction'], name='audit_line_transaction')],
                'constraints': [models.CheckConstraint(condition=models.Q(('action__regex', '^[a-z][a-z_]*\\.[a-z][a-z_]*$')), name='audit_line_action_is_dotted'), models.CheckConstraint(condition=models.Q(('target__regex', '^[a-z][a-z0-9-]*(:.+)?$')), name='audit_line_target_is_named'), models.CheckConstraint(condition=models.Q(('acting_as__in', ['admin', 'person', 'visitor', 'system'])), name='audit_line_acting_as_is_known'), models.CheckConstraint(condition=models.Q(models.Q(('acting_as__in', ('admin', 'person')), ('person__isnull', False)), models.Q(models.Q(('acting_as__in', ('admin', 'person')), _negated=True), ('person__isnull', True)), _connector='OR'), name='audit_line_says_who_acted')],
            },
        ),
        # What a page shows of a line has this shape, also where somebody wrote it by hand.
        migrations.RunSQL("""
ALTER TABLE audit_auditline ADD CONSTRAINT audit_line_details_are_named CHECK (
    jsonb_typeof(details) = 'object'
    AND COALESCE(jsonb_typeof(details -> 'changes'), 'object') = 'object'
    AND NOT jsonb_path_exists(details, 'strict $.changes.* ? (@.type() != "object")', '{}', true)
);
"""),
        LoadSql(
            'audit_refuse_change', 'audit_stamp', 'audit_roles_have_their_line', 'audit_administration_has_its_line',
        ),
    ]
