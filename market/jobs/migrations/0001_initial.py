import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.datetime
import uuid
from django.conf import settings
from django.db import migrations, models

from market.sql import LoadSql


class Migration(migrations.Migration):

    # The migrations of a database that was made before the first release.
    replaces = [
        ('jobs', '0001_jobs'),
        ('jobs', '0002_made'),
        ('jobs', '0003_made_with_figures'),
        ('jobs', '0004_days'),
    ]

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='JobDay',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=40)),
                ('day', models.DateField()),
                ('asked', models.PositiveIntegerField()),
                ('free', models.PositiveIntegerField(default=0)),
                ('succeeded', models.PositiveIntegerField()),
                ('failed', models.PositiveIntegerField()),
                ('cancelled', models.PositiveIntegerField()),
                ('waits', models.JSONField(help_text='From being asked for to being taken up, by bucket')),
                ('works', models.JSONField(help_text='From being taken up to the end, by bucket')),
                ('reasons', models.JSONField(blank=True, default=list)),
                ('made_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                'ordering': ('-day', 'kind'),
                'constraints': [models.UniqueConstraint(fields=('kind', 'day'), name='jobday_once_a_kind'), models.CheckConstraint(condition=models.Q(('asked', django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(models.F('succeeded'), '+', models.F('failed')), '+', models.F('cancelled')))), name='jobday_every_job_ended'), models.CheckConstraint(condition=models.Q(('free__lte', models.F('asked'))), name='jobday_free_are_some_of_all')],
            },
        ),
        migrations.CreateModel(
            name='Worker',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=200, unique=True)),
                ('kinds', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), default=list, size=None)),
                ('device', models.CharField(blank=True, max_length=40)),
                ('started_at', models.DateTimeField()),
                ('seen_at', models.DateTimeField()),
            ],
            options={
                'ordering': ('name',),
                'indexes': [models.Index(models.F('seen_at'), name='worker_seen')],
            },
        ),
        migrations.CreateModel(
            name='Job',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(max_length=40)),
                ('state', models.CharField(choices=[('queued', 'Waiting'), ('running', 'Running'), ('succeeded', 'Done'), ('failed', 'Failed'), ('cancelled', 'Cancelled')], default='queued', max_length=12)),
                ('parameters', models.JSONField(default=dict)),
                ('progress', models.JSONField(blank=True, default=dict)),
                ('preview', models.FileField(blank=True, max_length=200, upload_to='jobs/previews')),
                ('result', models.JSONField(blank=True, default=dict)),
                ('error', models.TextField(blank=True)),
                ('priority', models.SmallIntegerField(default=0)),
                ('batch_key', models.CharField(blank=True, max_length=200)),
                ('work_units', models.PositiveIntegerField(default=1, help_text='How much work this is compared with others of its kind, e.g. steps times pictures')),
                ('attempt', models.PositiveSmallIntegerField(default=0)),
                ('max_attempts', models.PositiveSmallIntegerField(default=3)),
                ('fencing_token', models.PositiveIntegerField(default=0)),
                ('worker', models.CharField(blank=True, max_length=200)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('dispatched_at', models.DateTimeField(blank=True, null=True)),
                ('started_at', models.DateTimeField(blank=True, null=True)),
                ('heartbeat_at', models.DateTimeField(blank=True, null=True)),
                ('lease_expires_at', models.DateTimeField(blank=True, null=True)),
                ('cancel_requested_at', models.DateTimeField(blank=True, null=True)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='jobs', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ('-created_at',),
                'indexes': [models.Index(models.F('kind'), models.OrderBy(models.F('priority'), descending=True), models.F('created_at'), condition=models.Q(('state', 'queued')), name='job_queue'), models.Index(models.F('lease_expires_at'), condition=models.Q(('state', 'running')), name='job_leases'), models.Index(models.F('owner'), models.OrderBy(models.F('created_at'), descending=True), name='job_of_owner'), models.Index(fields=['kind', 'created_at'], include=('id', 'state', 'started_at', 'finished_at'), name='job_made'), models.Index(models.F('kind'), models.OrderBy(models.F('finished_at'), descending=True), condition=models.Q(('state__in', ['succeeded', 'failed', 'cancelled'])), name='job_finished'), models.Index(models.F('kind'), models.F('created_at'), condition=models.Q(('state', 'failed')), name='job_failed')],
                'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ['queued', 'running', 'succeeded', 'failed', 'cancelled'])), name='job_state_is_known'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'running'), ('lease_expires_at__isnull', False), ('started_at__isnull', False), models.Q(('worker', ''), _negated=True)), models.Q(models.Q(('state', 'running'), _negated=True), ('lease_expires_at__isnull', True)), _connector='OR'), name='job_holds_a_lease_only_while_running'), models.CheckConstraint(condition=models.Q(models.Q(('state__in', ['succeeded', 'failed', 'cancelled']), ('finished_at__isnull', False)), models.Q(models.Q(('state__in', ['succeeded', 'failed', 'cancelled']), _negated=True), ('finished_at__isnull', True)), _connector='OR'), name='job_has_an_end_time_when_ended'), models.CheckConstraint(condition=models.Q(('attempt__lte', models.F('max_attempts')), ('max_attempts__gte', 1)), name='job_attempts_within_limit'), models.CheckConstraint(condition=models.Q(('fencing_token__gte', models.F('attempt'))), name='job_token_grows_with_attempts'), models.CheckConstraint(condition=models.Q(models.Q(('state__in', ['running', 'succeeded']), _negated=True), ('attempt__gte', 1), _connector='OR'), name='job_attempted_before_it_runs_or_succeeds'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'failed'), _negated=True), models.Q(('error', ''), _negated=True), _connector='OR'), name='job_says_why_it_failed'), models.CheckConstraint(condition=models.Q(('work_units__gte', 1)), name='job_work_is_positive')],
            },
        ),
        LoadSql(
            'jobs_guard_day', 'jobs_refuse_change', 'jobs_guard_job_of_day',
        ),
    ]
