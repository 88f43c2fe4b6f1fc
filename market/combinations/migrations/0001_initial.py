import django.db.models.deletion
import django.utils.timezone
import market.extractions.models.grids
import uuid
from django.conf import settings
from django.db import migrations, models

from market.sql import LoadSql


class Migration(migrations.Migration):

    # The migrations of a database that was made before the first release.
    replaces = [
        ('combinations', '0001_combinations'),
        ('combinations', '0002_guards'),
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
            name='Combination',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('price_micros', models.BigIntegerField(help_text='Micro-euros for one picture with what comes of it.')),
                ('fee_micros', models.BigIntegerField(help_text='Micro-euros for combining.')),
                ('idempotency_key', models.UUIDField()),
                ('figures', models.JSONField(blank=True, default=dict)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('expires_at', models.DateTimeField()),
                ('hold', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='combination', to='ledger.hold')),
                ('job', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='combination', to='jobs.job')),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='combinations', to=settings.AUTH_USER_MODEL)),
                ('plugin', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='combinations', to='catalog.plugin')),
                ('release', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='basemodels.baserelease')),
            ],
            options={
                'ordering': ('-created_at',),
                'indexes': [models.Index(models.F('person'), models.OrderBy(models.F('created_at'), descending=True), name='combinations_of_person')],
                'constraints': [models.UniqueConstraint(fields=('person', 'idempotency_key'), name='combinations_made_once'), models.CheckConstraint(condition=models.Q(('job', models.F('id'))), name='combinations_shares_its_jobs_id'), models.CheckConstraint(condition=models.Q(models.Q(('fee_micros', 0), ('hold__isnull', True)), models.Q(('fee_micros__gt', 0), ('hold__isnull', False)), _connector='OR'), name='combinations_held_for_exactly_when_it_costs'), models.CheckConstraint(condition=models.Q(('price_micros__gte', 0)), name='combinations_price_not_negative')],
            },
        ),
        migrations.CreateModel(
            name='CombinationPart',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveSmallIntegerField()),
                ('share', models.PositiveIntegerField(help_text='In basis points of all.')),
                ('combination', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='parts', to='combinations.combination')),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.pluginversion')),
            ],
            options={
                'ordering': ('combination', 'position'),
                'constraints': [models.UniqueConstraint(fields=('combination', 'version'), name='combinations_part_once'), models.UniqueConstraint(fields=('combination', 'position'), name='combinations_part_position_once'), models.CheckConstraint(condition=models.Q(('share__gte', 1), ('share__lte', 10000)), name='combinations_part_share_in_range')],
            },
        ),
        migrations.CreateModel(
            name='CombinationPicture',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('title', models.CharField(max_length=100)),
                ('row', models.PositiveSmallIntegerField()),
                ('column', models.PositiveSmallIntegerField()),
                ('stage', models.CharField(help_text='Names the column.', max_length=60)),
                ('prompt', models.CharField(max_length=500)),
                ('file', models.FileField(max_length=200, upload_to=market.extractions.models.grids.picture_path)),
                ('of', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='grid', to='combinations.combination')),
            ],
            options={
                'ordering': ('pk',),
                'abstract': False,
                'constraints': [models.UniqueConstraint(fields=('of', 'title', 'row', 'column'), name='combinations_combinationpicture_one_a_place')],
            },
        ),
        LoadSql(
            'combinations_keep_terms', 'combinations_part_is_immutable',
        ),
    ]
