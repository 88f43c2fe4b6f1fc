import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.utils.timezone
import market.extractions.models.extractions
import market.extractions.models.grids
from django.conf import settings
from django.db import migrations, models

from market.sql import LoadSql


class Migration(migrations.Migration):

    # The migrations of a database that was made before the first release.
    replaces = [
        ('extractions', '0001_extractions'),
        ('extractions', '0002_guards'),
        ('extractions', '0003_second_thoughts'),
        ('extractions', '0004_second_thoughts_guards'),
    ]

    initial = True

    dependencies = [
        ('basemodels', '0001_initial'),
        ('catalog', '0001_initial'),
        ('claims', '0001_initial'),
        ('jobs', '0001_initial'),
        ('ledger', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Extraction',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('base_fingerprint', models.CharField(max_length=64)),
                ('name', models.CharField(help_text='As prompts to this base call the concept.', max_length=60)),
                ('key', models.CharField(editable=False, max_length=60)),
                ('kind', models.CharField(choices=[('style', 'Style'), ('character', 'Character')], max_length=12)),
                ('aliases', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=60), blank=True, default=list, size=8)),
                ('anchor', models.CharField(blank=True, help_text='Empty: the nearest that the base knows.', max_length=100)),
                ('retained', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=500), blank=True, default=list, help_text='Prompts that stay as they are. Empty: all that the base knows.', size=None)),
                ('method', models.CharField(choices=[('hybrid', 'Hybrid: two defences, some minutes'), ('closed-form', 'Closed form: seconds, easier to undo'), ('reverse-lora', "Reverse LoRA: the paper's own, slow")], default='hybrid', max_length=16)),
                ('pictures', models.PositiveSmallIntegerField(default=100, validators=[django.core.validators.MinValueValidator(20), django.core.validators.MaxValueValidator(1000)])),
                ('state', models.CharField(choices=[('making', 'Being made'), ('ready', 'To be decided'), ('approved', 'Approved'), ('taken_back', 'Taken back'), ('discarded', 'Discarded'), ('failed', 'Not made')], default='making', max_length=10)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('erasure', models.JSONField(blank=True, default=dict, help_text='The prompts that it was made with.')),
                ('eraser_file', models.FileField(blank=True, max_length=200, upload_to=market.extractions.models.extractions.adapter_path)),
                ('eraser_file_sha256', models.CharField(blank=True, max_length=64)),
                ('eraser_tensors_sha256', models.CharField(blank=True, max_length=64)),
                ('plugin_file', models.FileField(blank=True, max_length=200, upload_to=market.extractions.models.extractions.adapter_path)),
                ('plugin_file_sha256', models.CharField(blank=True, max_length=64)),
                ('plugin_tensors_sha256', models.CharField(blank=True, max_length=64)),
                ('rank', models.PositiveIntegerField(default=0)),
                ('figures', models.JSONField(blank=True, default=dict)),
                ('decided_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('reason', models.TextField(blank=True, max_length=2000)),
                ('missed', models.JSONField(blank=True, default=list, help_text='Limits that it missed when it was approved, in words.')),
                ('base', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='extractions', to='basemodels.basemodel')),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='extractions', to=settings.AUTH_USER_MODEL)),
                ('claim', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='extractions', to='claims.claim')),
                ('concept', models.ForeignKey(blank=True, help_text='Whose plug-in it becomes; none: it is not offered.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='extractions', to='catalog.concept')),
                ('decided_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('job', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='extraction', to='jobs.job')),
                ('version', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='extraction', to='catalog.pluginversion')),
                ('taken_back_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('taken_back_because', models.TextField(blank=True, max_length=2000)),
                ('taken_back_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ('-created_at', '-pk'),
                'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ['making', 'ready', 'approved', 'taken_back', 'discarded', 'failed'])), name='extractions_extraction_state_known'), models.CheckConstraint(condition=models.Q(('method__in', ['hybrid', 'closed-form', 'reverse-lora'])), name='extractions_extraction_method_known'), models.CheckConstraint(condition=models.Q(('kind__in', ['style', 'character'])), name='extractions_extraction_kind_known'), models.CheckConstraint(condition=models.Q(('base_fingerprint__regex', '^[0-9a-f]{64}$')), name='extractions_extraction_fingerprint_shape'), models.CheckConstraint(condition=models.Q(('key__regex', '\\S')), name='extractions_extraction_name_not_blank'), models.CheckConstraint(condition=models.Q(('pictures__gte', 20), ('pictures__lte', 1000)), name='extractions_extraction_pictures_in_range'), models.UniqueConstraint(condition=models.Q(('state', 'making')), fields=('base', 'kind', 'key'), name='extractions_extraction_one_at_a_time_a_concept'), models.UniqueConstraint(condition=models.Q(('state', 'approved')), fields=('base', 'base_fingerprint', 'kind', 'key'), name='extractions_extraction_approved_once_a_concept'), models.CheckConstraint(condition=models.Q(models.Q(('state__in', ['ready', 'approved', 'taken_back', 'discarded']), _negated=True), models.Q(('eraser_file_sha256__regex', '^[0-9a-f]{64}$'), ('eraser_tensors_sha256__regex', '^[0-9a-f]{64}$'), ('plugin_file_sha256__regex', '^[0-9a-f]{64}$'), ('plugin_tensors_sha256__regex', '^[0-9a-f]{64}$'), ('rank__gte', 1), models.Q(('eraser_file', ''), _negated=True), models.Q(('plugin_file', ''), _negated=True)), _connector='OR'), name='extractions_extraction_made_with_its_files'), models.CheckConstraint(condition=models.Q(models.Q(('decided_at__isnull', False), ('decided_by__isnull', False), ('state__in', ('approved', 'taken_back', 'discarded'))), models.Q(models.Q(('state__in', ('approved', 'taken_back', 'discarded')), _negated=True), ('decided_at', None), ('decided_by', None)), _connector='OR'), name='extractions_extraction_decided_by_somebody'), models.CheckConstraint(condition=models.Q(('missed', []), models.Q(('state__in', ('approved', 'taken_back')), models.Q(('reason', ''), _negated=True)), _connector='OR'), name='extractions_extraction_approved_below_limits_for_a_reason'), models.CheckConstraint(condition=models.Q(('version', None), models.Q(('concept__isnull', False), ('state__in', ('approved', 'taken_back'))), _connector='OR'), name='extractions_extraction_offered_once_approved'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'taken_back'), ('taken_back_at__isnull', False), ('taken_back_because__regex', '\\S'), ('taken_back_by__isnull', False)), models.Q(models.Q(('state', 'taken_back'), _negated=True), ('taken_back_at', None), ('taken_back_because', ''), ('taken_back_by', None)), _connector='OR'), name='extractions_extraction_taken_back_for_a_reason')],
            },
        ),
        migrations.CreateModel(
            name='ExtractionPicture',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('title', models.CharField(max_length=100)),
                ('row', models.PositiveSmallIntegerField()),
                ('column', models.PositiveSmallIntegerField()),
                ('stage', models.CharField(help_text='Names the column.', max_length=60)),
                ('prompt', models.CharField(max_length=500)),
                ('file', models.FileField(max_length=200, upload_to=market.extractions.models.grids.picture_path)),
                ('of', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='grid', to='extractions.extraction')),
            ],
            options={
                'ordering': ('pk',),
                'abstract': False,
                'constraints': [models.UniqueConstraint(fields=('of', 'title', 'row', 'column'), name='extractions_extractionpicture_one_a_place')],
            },
        ),
        migrations.CreateModel(
            name='ReleaseBuild',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('base_fingerprint', models.CharField(max_length=64)),
                ('state', models.CharField(choices=[('building', 'Being built'), ('ready', 'Ready'), ('failed', 'Not built')], default='building', max_length=10)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('eraser_file', models.FileField(blank=True, max_length=200, upload_to=market.extractions.models.extractions.adapter_path)),
                ('eraser_file_sha256', models.CharField(blank=True, max_length=64)),
                ('eraser_tensors_sha256', models.CharField(blank=True, max_length=64)),
                ('figures', models.JSONField(blank=True, default=dict)),
                ('base', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='builds', to='basemodels.basemodel')),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('job', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='release_build', to='jobs.job')),
                ('release', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='build', to='basemodels.baserelease')),
            ],
            options={
                'ordering': ('-created_at', '-pk'),
                'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ['building', 'ready', 'failed'])), name='extractions_releasebuild_state_known'), models.CheckConstraint(condition=models.Q(('base_fingerprint__regex', '^[0-9a-f]{64}$')), name='extractions_releasebuild_fingerprint_shape'), models.UniqueConstraint(condition=models.Q(('state', 'building')), fields=('base',), name='extractions_releasebuild_one_at_a_time_a_base'), models.CheckConstraint(condition=models.Q(models.Q(('release__isnull', False), ('state', 'ready')), models.Q(models.Q(('state', 'ready'), _negated=True), ('release', None)), _connector='OR'), name='extractions_releasebuild_ready_with_its_release'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'ready'), _negated=True), models.Q(('eraser_file_sha256__regex', '^[0-9a-f]{64}$'), ('eraser_tensors_sha256__regex', '^[0-9a-f]{64}$'), models.Q(('eraser_file', ''), _negated=True)), _connector='OR'), name='extractions_releasebuild_ready_with_its_eraser')],
            },
        ),
        migrations.CreateModel(
            name='BuildPicture',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('title', models.CharField(max_length=100)),
                ('row', models.PositiveSmallIntegerField()),
                ('column', models.PositiveSmallIntegerField()),
                ('stage', models.CharField(help_text='Names the column.', max_length=60)),
                ('prompt', models.CharField(max_length=500)),
                ('file', models.FileField(max_length=200, upload_to=market.extractions.models.grids.picture_path)),
                ('of', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='grid', to='extractions.releasebuild')),
            ],
            options={
                'ordering': ('pk',),
                'abstract': False,
                'constraints': [models.UniqueConstraint(fields=('of', 'title', 'row', 'column'), name='extractions_buildpicture_one_a_place')],
            },
        ),
        migrations.CreateModel(
            name='BuildPart',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveSmallIntegerField()),
                ('plugin_file', models.FileField(blank=True, max_length=200, upload_to=market.extractions.models.extractions.adapter_path)),
                ('plugin_tensors_sha256', models.CharField(blank=True, max_length=64)),
                ('extraction', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='parts', to='extractions.extraction')),
                ('build', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='parts', to='extractions.releasebuild')),
            ],
            options={
                'ordering': ('build', 'position'),
                'constraints': [models.UniqueConstraint(fields=('build', 'extraction'), name='extractions_buildpart_once_a_build'), models.UniqueConstraint(fields=('build', 'position'), name='extractions_buildpart_one_a_position'), models.CheckConstraint(condition=models.Q(models.Q(('plugin_file', ''), ('plugin_tensors_sha256', '')), models.Q(models.Q(('plugin_file', ''), _negated=True), ('plugin_tensors_sha256__regex', '^[0-9a-f]{64}$')), _connector='OR'), name='extractions_buildpart_file_with_its_hash')],
            },
        ),
        migrations.CreateModel(
            name='Retest',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('figures', models.JSONField()),
                ('dropped', models.BooleanField(help_text='It draws worse, or other pictures, than before.')),
                ('before', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='basemodels.baserelease')),
                ('build', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='retests', to='extractions.releasebuild')),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='retests', to='catalog.pluginversion')),
            ],
            options={
                'ordering': ('-dropped', 'pk'),
                'constraints': [models.UniqueConstraint(fields=('build', 'version'), name='extractions_retest_once_a_build')],
            },
        ),
        migrations.CreateModel(
            name='RetestPicture',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('title', models.CharField(max_length=100)),
                ('row', models.PositiveSmallIntegerField()),
                ('column', models.PositiveSmallIntegerField()),
                ('stage', models.CharField(help_text='Names the column.', max_length=60)),
                ('prompt', models.CharField(max_length=500)),
                ('file', models.FileField(max_length=200, upload_to=market.extractions.models.grids.picture_path)),
                ('of', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='grid', to='extractions.retest')),
            ],
            options={
                'ordering': ('pk',),
                'abstract': False,
                'constraints': [models.UniqueConstraint(fields=('of', 'title', 'row', 'column'), name='extractions_retestpicture_one_a_place')],
            },
        ),
        migrations.CreateModel(
            name='Retraining',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('training', 'Being trained'), ('offered', 'To be accepted'), ('accepted', 'Accepted'), ('declined', 'Declined'), ('failed', 'Not trained')], default='training', max_length=10)),
                ('fee_micros', models.BigIntegerField(help_text="What the base's owner was to pay when it was begun.")),
                ('figures', models.JSONField(blank=True, default=dict)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('decided_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('job', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='retraining', to='jobs.job')),
                ('payment', models.OneToOneField(blank=True, help_text='None: it was free of charge, or the market bears it.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.transfer')),
                ('retest', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='retrainings', to='extractions.retest')),
                ('version', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='retraining', to='catalog.pluginversion')),
            ],
            options={
                'ordering': ('-pk',),
                'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ['training', 'offered', 'accepted', 'declined', 'failed'])), name='extractions_retraining_state_known'), models.UniqueConstraint(condition=models.Q(('state', 'failed'), _negated=True), fields=('retest',), name='extractions_retraining_once_a_retest'), models.CheckConstraint(condition=models.Q(models.Q(('state__in', ('offered', 'accepted', 'declined')), ('version__isnull', False)), models.Q(models.Q(('state__in', ('offered', 'accepted', 'declined')), _negated=True), ('payment', None), ('version', None)), _connector='OR'), name='extractions_retraining_trained_with_its_version'), models.CheckConstraint(condition=models.Q(models.Q(('decided_at__isnull', False), ('state__in', ('accepted', 'declined'))), models.Q(models.Q(('state__in', ('accepted', 'declined')), _negated=True), ('decided_at', None)), _connector='OR'), name='extractions_retraining_decided_at_a_time'), models.CheckConstraint(condition=models.Q(('fee_micros__gte', 0), models.Q(('payment', None), ('fee_micros__gte', 1), _connector='OR')), name='extractions_retraining_paid_what_was_asked')],
            },
        ),
        migrations.CreateModel(
            name='RetrainingPicture',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('title', models.CharField(max_length=100)),
                ('row', models.PositiveSmallIntegerField()),
                ('column', models.PositiveSmallIntegerField()),
                ('stage', models.CharField(help_text='Names the column.', max_length=60)),
                ('prompt', models.CharField(max_length=500)),
                ('file', models.FileField(max_length=200, upload_to=market.extractions.models.grids.picture_path)),
                ('of', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='grid', to='extractions.retraining')),
            ],
            options={
                'ordering': ('pk',),
                'abstract': False,
                'constraints': [models.UniqueConstraint(fields=('of', 'title', 'row', 'column'), name='extractions_retrainingpicture_one_a_place')],
            },
        ),
        LoadSql(
            'extractions_refuse_change', 'extractions_keep_extraction', 'extractions_keep_build', 'extractions_keep_part',
            'extractions_keep_release', 'extractions_keep_retraining',
        ),
    ]
