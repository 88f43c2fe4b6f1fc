import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from market.sql import LoadSql



class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('jobs', '0001_initial'),
        ('ledger', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='StatementFile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('month', models.CharField(help_text='Such as 2026-11.', max_length=7)),
                ('asked_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('made_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('file', models.FileField(blank=True, max_length=200, upload_to='statements')),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.account')),
                ('job', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='statement_file', to='jobs.job')),
            ],
            options={
                'ordering': ['-pk'],
                'constraints': [models.UniqueConstraint(condition=models.Q(('made_at', None)), fields=('account', 'month'), name='reports_statementfile_one_is_made_at_a_time'), models.UniqueConstraint(condition=models.Q(('made_at__isnull', False)), fields=('account', 'month'), name='reports_statementfile_the_latest_is_kept'), models.CheckConstraint(condition=models.Q(models.Q(('file', ''), ('made_at', None)), models.Q(('made_at__isnull', False), models.Q(('file', ''), _negated=True)), _connector='OR'), name='reports_statementfile_has_its_file_when_made'), models.CheckConstraint(condition=models.Q(('month__regex', '^20[0-9]{2}-(0[1-9]|1[0-2])$')), name='reports_statementfile_month_is_one')],
            },
        ),
        migrations.CreateModel(
            name='VerificationRun',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('asked_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('ended_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('error', models.TextField(blank=True, help_text='Why it came to no result.')),
                ('counts', models.JSONField(blank=True, default=dict, help_text='How many rows of each table were checked.')),
                ('checks', models.JSONField(blank=True, default=list, help_text='What was checked, in words.')),
                ('findings', models.JSONField(blank=True, default=list, help_text='Of each check that failed: its words, how many rows, the first of them.')),
                ('asked_by', models.ForeignKey(blank=True, help_text='Nobody: it is the one of every night.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('job', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='verification', to='jobs.job')),
            ],
            options={
                'ordering': ['-pk'],
                'constraints': [models.UniqueConstraint(condition=models.Q(('ended_at', None)), fields=('ended_at',), name='reports_verificationrun_one_at_a_time', nulls_distinct=False), models.CheckConstraint(condition=models.Q(models.Q(('checks', []), ('ended_at', None), ('error', '')), models.Q(('ended_at__isnull', False), ('error', ''), models.Q(('checks', []), _negated=True)), models.Q(('checks', []), ('ended_at__isnull', False), models.Q(('error', ''), _negated=True)), _connector='OR'), name='reports_verificationrun_ends_with_a_result_or_an_error'), models.CheckConstraint(condition=models.Q(('findings', []), models.Q(('checks', []), _negated=True), _connector='OR'), name='reports_verificationrun_finds_what_it_checked')],
            },
        ),
        LoadSql('reports_keep_verifications'),
    ]
