import datetime
import django.db.models.deletion
import django.db.models.expressions
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models

from market.sql import LoadSql


class Migration(migrations.Migration):

    # The migrations of a database that was made before the first release.
    replaces = [
        ('generation', '0001_generation'),
        ('generation', '0002_commission_rates'),
        ('generation', '0003_hidden_pictures'),
        ('generation', '0004_no_barred_versions'),
    ]

    initial = True

    dependencies = [
        ('basemodels', '0001_initial'),
        ('catalog', '0001_initial'),
        ('jobs', '0001_initial'),
        ('ledger', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='GenerationRequest',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('prompt', models.TextField()),
                ('negative_prompt', models.TextField(blank=True)),
                ('seed', models.BigIntegerField()),
                ('steps', models.PositiveSmallIntegerField()),
                ('guidance', models.FloatField()),
                ('count', models.PositiveSmallIntegerField()),
                ('quote', models.JSONField()),
                ('total_micros', models.BigIntegerField()),
                ('currency', models.CharField(default='EUR', max_length=3)),
                ('idempotency_key', models.UUIDField()),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('expires_at', models.DateTimeField()),
                ('hold', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='generation_request', to='ledger.hold')),
                ('job', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='generation_request', to='jobs.job')),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='generation_requests', to=settings.AUTH_USER_MODEL)),
                ('release', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='basemodels.baserelease')),
            ],
            options={
                'ordering': ('-created_at',),
                'indexes': [models.Index(models.F('person'), models.OrderBy(models.F('created_at'), descending=True), name='generation_of_person')],
                'constraints': [models.UniqueConstraint(fields=('person', 'idempotency_key'), name='generation_request_is_made_once'), models.CheckConstraint(condition=models.Q(('prompt', ''), _negated=True), name='generation_prompt_is_not_empty'), models.CheckConstraint(condition=models.Q(('seed__gte', 0), ('seed__lte', 4294967295)), name='generation_seed_in_range'), models.CheckConstraint(condition=models.Q(('steps__gte', 1), ('steps__lte', 100)), name='generation_steps_in_range'), models.CheckConstraint(condition=models.Q(('guidance__gte', 0.0), ('guidance__lte', 30.0)), name='generation_guidance_in_range'), models.CheckConstraint(condition=models.Q(('count__gte', 1), ('count__lte', 8)), name='generation_count_in_range'), models.CheckConstraint(condition=models.Q(models.Q(('hold__isnull', True), ('total_micros', 0)), models.Q(('hold__isnull', False), ('total_micros__gt', 0)), _connector='OR'), name='generation_is_held_for_exactly_when_it_costs'), models.CheckConstraint(condition=models.Q(('job', models.F('id'))), name='generation_shares_its_jobs_id')],
            },
        ),
        migrations.CreateModel(
            name='Hiding',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reference', models.CharField(help_text='What for: takedown:12.', max_length=60, unique=True)),
                ('words', models.CharField(help_text='Why, for the maker of a picture to read.', max_length=200)),
                ('begun_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('ended_at', models.DateTimeField(blank=True, editable=False, null=True)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('words', ''), _negated=True), name='generation_hiding_says_why')],
            },
        ),
        migrations.CreateModel(
            name='Picture',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('index', models.PositiveSmallIntegerField()),
                ('file', models.FileField(blank=True, max_length=200, upload_to='pictures')),
                ('sha256', models.CharField(help_text='Of the file as it is downloaded', max_length=64)),
                ('seed', models.BigIntegerField()),
                ('width', models.PositiveIntegerField()),
                ('height', models.PositiveIntegerField()),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('deleted_at', models.DateTimeField(blank=True, null=True)),
                ('request', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='pictures', to='generation.generationrequest')),
            ],
            options={
                'ordering': ('-created_at', 'index'),
                'indexes': [models.Index(models.OrderBy(models.F('created_at'), descending=True), name='picture_newest')],
                'constraints': [models.UniqueConstraint(fields=('request', 'index'), name='picture_once_a_place'), models.CheckConstraint(condition=models.Q(models.Q(('deleted_at__isnull', True), models.Q(('file', ''), _negated=True)), models.Q(('deleted_at__isnull', False), ('file', '')), _connector='OR'), name='picture_has_its_file_until_deleted')],
            },
        ),
        migrations.CreateModel(
            name='HiddenPicture',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('picture', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='hidings', to='generation.picture')),
                ('hiding', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='pictures', to='generation.hiding')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('hiding', 'picture'), name='generation_picture_once_a_hiding')],
            },
        ),
        migrations.CreateModel(
            name='RequestPlugIn',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('weight', models.FloatField()),
                ('position', models.PositiveSmallIntegerField()),
                ('request', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='plugins', to='generation.generationrequest')),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.pluginversion')),
            ],
            options={
                'ordering': ('position',),
                'constraints': [models.UniqueConstraint(fields=('request', 'version'), name='generation_plugin_once_a_request'), models.UniqueConstraint(fields=('request', 'position'), name='generation_plugin_one_a_position'), models.CheckConstraint(condition=models.Q(('position__lt', 4)), name='generation_plugin_position_in_range'), models.CheckConstraint(condition=models.Q(('weight__gte', 0), ('weight__lte', 1.5)), name='generation_weight_in_range')],
            },
        ),
        migrations.CreateModel(
            name='CommissionRate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('line', models.CharField(choices=[('plugin_fee', 'Fees of plug-ins'), ('base_fee', 'Fees of base models')], max_length=40, verbose_name='of which fees')),
                ('basis_points', models.PositiveIntegerField(help_text='1000 is 10 %.')),
                ('valid_from', models.DateTimeField(default=django.utils.timezone.now, help_text='Not in the past. In UTC.')),
                ('reason', models.CharField(help_text='For whoever reads this later.', max_length=200)),
                ('made_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('made_by', models.ForeignKey(editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ('line', '-valid_from'),
                'constraints': [models.UniqueConstraint(fields=('line', 'valid_from'), name='commission_one_rate_at_a_time'), models.CheckConstraint(condition=models.Q(('basis_points__lte', 10000)), name='commission_at_most_everything'), models.CheckConstraint(condition=models.Q(('line__in', ('plugin_fee', 'base_fee'))), name='commission_line_is_known'), models.CheckConstraint(condition=models.Q(('valid_from__gte', django.db.models.expressions.CombinedExpression(models.F('made_at'), '-', models.Value(datetime.timedelta(seconds=600))))), name='commission_not_for_the_past')],
            },
        ),
        LoadSql(
            'generation_refuse_change', 'generation_refuse_barred',
        ),
    ]
