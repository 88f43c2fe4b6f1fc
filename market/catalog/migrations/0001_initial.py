import django.contrib.postgres.constraints
import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.comparison
import django.db.models.functions.datetime
import django.db.models.functions.text
import django.utils.timezone
import market.catalog.models.versions
import market.catalog.models.works
from django.conf import settings
from django.contrib.postgres.operations import BtreeGistExtension, TrigramExtension
from django.db import migrations, models

from market.sql import LoadSql


class Migration(migrations.Migration):

    # The migrations of a database that was made before the first release.
    replaces = [
        ('catalog', '0001_catalogue'),
        ('catalog', '0002_guards'),
        ('catalog', '0003_shares'),
        ('catalog', '0004_share_guards'),
        ('catalog', '0005_combinations'),
        ('catalog', '0006_taken_down_and_suspended'),
        ('catalog', '0007_barred_versions'),
        ('catalog', '0008_version_on_release'),
        ('catalog', '0009_version_on_release_guards'),
        ('catalog', '0010_combined_prices'),
        ('catalog', '0011_combined_prices_noted'),
    ]

    initial = True

    dependencies = [
        ('basemodels', '0001_initial'),
        ('jobs', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        TrigramExtension(),
        BtreeGistExtension(),
        migrations.CreateModel(
            name='Concept',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=60, validators=[django.core.validators.MinLengthValidator(2), django.core.validators.RegexValidator("\\A[\\w][\\w .'&-]*\\Z", 'Use letters, digits, spaces, hyphens, apostrophes, points and ampersands, beginning with a letter or digit.')])),
                ('aliases', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=60, validators=[django.core.validators.RegexValidator("\\A[\\w][\\w .'&-]*\\Z", 'Use letters, digits, spaces, hyphens, apostrophes, points and ampersands, beginning with a letter or digit.')]), blank=True, default=list, size=8)),
                ('kind', models.CharField(choices=[('style', 'Style'), ('character', 'Character'), ('combination', 'Combination')], max_length=12)),
                ('description', models.TextField(blank=True, max_length=4000)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('search_document', django.contrib.postgres.search.SearchVectorField(editable=False, null=True)),
                ('artist', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='concepts', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-created_at', '-pk'],
                'indexes': [django.contrib.postgres.indexes.GinIndex(fields=['search_document'], name='catalog_concept_search'), django.contrib.postgres.indexes.GinIndex(fields=['name'], name='catalog_concept_name_trigrams', opclasses=['gin_trgm_ops'])],
                'constraints': [models.UniqueConstraint(models.F('artist'), django.db.models.functions.text.Lower('name'), name='catalog_concept_name_once_an_artist', violation_error_message='You already have a concept with this name.'), models.UniqueConstraint(fields=('id', 'artist'), name='catalog_concept_id_and_artist'), models.CheckConstraint(condition=models.Q(('kind__in', ['style', 'character', 'combination'])), name='catalog_concept_kind_known'), models.CheckConstraint(condition=models.Q(('name__regex', '\\S')), name='catalog_concept_name_not_blank')],
            },
        ),
        migrations.CreateModel(
            name='RightsAffirmation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('text_version', models.CharField(max_length=40)),
                ('text', models.TextField()),
                ('affirmed_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('ip_address', models.GenericIPAddressField(blank=True, null=True)),
                ('concept', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='affirmations', to='catalog.concept')),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='rights_affirmations', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['affirmed_at', 'pk'],
                'constraints': [models.UniqueConstraint(fields=('concept', 'person', 'text_version'), name='catalog_rightsaffirmation_once_a_version'), models.CheckConstraint(condition=models.Q(models.Q(('text', ''), _negated=True), models.Q(('text_version', ''), _negated=True)), name='catalog_rightsaffirmation_text_kept')],
            },
        ),
        migrations.CreateModel(
            name='Suspension',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('because', models.TextField(help_text='For the person to read.', max_length=4000)),
                ('begun_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('lifted_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('lifted_because', models.TextField(blank=True, max_length=4000)),
                ('lifted_by', models.ForeignKey(blank=True, help_text='Empty: its ground fell away.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='suspensions', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-pk'],
                'constraints': [models.UniqueConstraint(condition=models.Q(('lifted_at', None)), fields=('person',), name='catalog_suspension_one_open_a_person'), models.CheckConstraint(condition=models.Q(('because', ''), _negated=True), name='catalog_suspension_says_why'), models.CheckConstraint(condition=models.Q(models.Q(('lifted_at', None), ('lifted_because', ''), ('lifted_by', None)), models.Q(('lifted_at__isnull', False), models.Q(('lifted_because', ''), _negated=True)), _connector='OR'), name='catalog_suspension_lifted_with_a_reason')],
            },
        ),
        migrations.CreateModel(
            name='Work',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('file', models.FileField(max_length=200, upload_to=market.catalog.models.works.work_path)),
                ('thumbnail', models.FileField(max_length=200, upload_to=market.catalog.models.works.work_path)),
                ('caption', models.CharField(blank=True, help_text='What the picture shows, in a few words: “a fox”.', max_length=200)),
                ('original_name', models.CharField(blank=True, max_length=120)),
                ('content_type', models.CharField(max_length=40)),
                ('byte_size', models.PositiveIntegerField()),
                ('width', models.PositiveIntegerField()),
                ('height', models.PositiveIntegerField()),
                ('pixels_sha256', models.CharField(max_length=64)),
                ('perceptual_hash', models.BigIntegerField(help_text='64 bits, as a signed number.')),
                ('colour_grid', models.BinaryField(help_text='16 x 16 colours, to confirm that two hashes mean one picture.')),
                ('uploaded_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('artist', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='works', to=settings.AUTH_USER_MODEL)),
                ('concept', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='works', to='catalog.concept')),
            ],
            options={
                'ordering': ['uploaded_at', 'pk'],
                'constraints': [models.UniqueConstraint(fields=('concept', 'pixels_sha256'), name='catalog_work_once_a_concept'), django.contrib.postgres.constraints.ExclusionConstraint(expressions=[('pixels_sha256', '='), ('artist', '<>')], name='catalog_work_pixels_belong_to_one_artist'), models.CheckConstraint(condition=models.Q(('pixels_sha256__regex', '^[0-9a-f]{64}$')), name='catalog_work_pixels_sha256_shape'), models.CheckConstraint(condition=models.Q(('byte_size__gte', 1), ('height__gte', 1), ('width__gte', 1)), name='catalog_work_has_pixels')],
            },
        ),
        migrations.CreateModel(
            name='UploadRefusal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('distance', models.PositiveSmallIntegerField(help_text='Bits of 64 that differ; 0 also for equal pixels.')),
                ('original_name', models.CharField(blank=True, max_length=120)),
                ('pixels_sha256', models.CharField(max_length=64)),
                ('perceptual_hash', models.BigIntegerField()),
                ('refused_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('concept', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='upload_refusals', to='catalog.concept')),
                ('matched_artist', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='matched_upload_refusals', to=settings.AUTH_USER_MODEL)),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='upload_refusals', to=settings.AUTH_USER_MODEL)),
                ('matched_work', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='upload_refusals', to='catalog.work')),
            ],
            options={
                'ordering': ['-refused_at', '-pk'],
                'constraints': [models.CheckConstraint(condition=models.Q(('distance__lte', 64)), name='catalog_uploadrefusal_distance_in_range')],
            },
        ),
        migrations.CreateModel(
            name='PlugIn',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('slug', models.SlugField(max_length=120, unique=True)),
                ('price_micros', models.BigIntegerField(help_text='Micro-euros for one picture.', validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(100000000)], verbose_name='price per picture')),
                ('allow_commercial', models.BooleanField(default=True, help_text='Pictures may be used to earn money.', verbose_name='commercial use')),
                ('allow_combination', models.BooleanField(default=True, help_text='May be used in one picture together with other plug-ins.', verbose_name='combination')),
                ('allow_derivatives', models.BooleanField(default=True, help_text='Pictures may be edited and built upon.', verbose_name='derivatives')),
                ('require_credit', models.BooleanField(default=True, help_text='Whoever shows a picture names you.', verbose_name='credit required')),
                ('state', models.CharField(choices=[('draft', 'Draft'), ('published', 'Published'), ('withdrawn', 'Withdrawn')], default='draft', max_length=12)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('published_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('withdrawn_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('addition', models.ForeignKey(blank=True, help_text='The latest job that makes, or made, a version: an addition or an upload.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='jobs.job')),
                ('base', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='plugins', to='basemodels.basemodel')),
                ('concept', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='plugins', to='catalog.concept')),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='plugins', to=settings.AUTH_USER_MODEL)),
                ('taken_down_at', models.DateTimeField(blank=True, editable=False, help_text='The state stays what it was: restoring brings it back.', null=True)),
                ('taken_down_words', models.CharField(blank=True, editable=False, help_text='Why, for everybody to read.', max_length=200)),
                ('parts_micros', models.BigIntegerField(default=0, editable=False, help_text='Of a combined plug-in what its parts ask for, as of the last sweep: lists are ordered by it where it is more.')),
            ],
            options={
                'verbose_name': 'plug-in',
                'ordering': ['-published_at', '-pk'],
                'indexes': [models.Index(fields=['state', '-published_at'], name='catalog_plugin_newest'), models.Index(models.F('state'), django.db.models.functions.comparison.Greatest('price_micros', 'parts_micros'), name='catalog_plugin_price'), models.Index(condition=models.Q(('taken_down_at__isnull', False)), fields=['id'], name='catalog_plugin_taken_down')],
                'constraints': [models.UniqueConstraint(fields=('concept', 'base'), name='catalog_plugin_one_a_concept_and_base'), models.CheckConstraint(condition=models.Q(('price_micros__gte', 0), ('price_micros__lte', 100000000)), name='catalog_plugin_price_in_range'), models.CheckConstraint(condition=models.Q(('parts_micros__gte', 0), ('parts_micros__lte', 100000000)), name='catalog_plugin_parts_price_in_range'), models.CheckConstraint(condition=models.Q(('state__in', ['draft', 'published', 'withdrawn'])), name='catalog_plugin_state_known'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'withdrawn'), ('withdrawn_at__isnull', False)), models.Q(models.Q(('state', 'withdrawn'), _negated=True), ('withdrawn_at__isnull', True)), _connector='OR'), name='catalog_plugin_withdrawn_at_a_time'), models.CheckConstraint(condition=models.Q(models.Q(('taken_down_at', None), ('taken_down_words', '')), models.Q(('taken_down_at__isnull', False), models.Q(('taken_down_words', ''), _negated=True)), _connector='OR'), name='catalog_plugin_taken_down_with_words')],
            },
        ),
        migrations.CreateModel(
            name='PlugInVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('file', models.FileField(max_length=200, upload_to=market.catalog.models.versions.version_path)),
                ('byte_size', models.PositiveIntegerField()),
                ('file_sha256', models.CharField(max_length=64)),
                ('tensors_sha256', models.CharField(max_length=64)),
                ('base_fingerprint', models.CharField(max_length=64)),
                ('rank', models.PositiveIntegerField()),
                ('figures', models.JSONField(blank=True, default=dict)),
                ('works_count', models.PositiveIntegerField(help_text='0: it was uploaded as a file, or combined.')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('job', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='plugin_version', to='jobs.job')),
                ('plugin', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='versions', to='catalog.plugin')),
                ('affirmation', models.ForeignKey(blank=True, help_text='None of what was combined on the market: there are no works, and the parts have their own.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='plugin_versions', to='catalog.rightsaffirmation')),
                ('parts_count', models.PositiveSmallIntegerField(default=0, help_text='How many parts its file says it was combined from.')),
                ('only_release', models.ForeignKey(blank=True, help_text='The one release it is for: a part of it restores what that release lacks. None: all of these weights.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='basemodels.baserelease')),
            ],
            options={
                'verbose_name': 'plug-in version',
                'ordering': ['plugin', '-number'],
                'constraints': [models.UniqueConstraint(fields=('plugin', 'number'), name='catalog_pluginversion_number_once'), models.CheckConstraint(condition=models.Q(('number__gte', 1)), name='catalog_pluginversion_numbered_from_one'), models.CheckConstraint(condition=models.Q(('file_sha256__regex', '^[0-9a-f]{64}$'), ('tensors_sha256__regex', '^[0-9a-f]{64}$')), name='catalog_pluginversion_hash_shapes'), models.CheckConstraint(condition=models.Q(('base_fingerprint__regex', '^[0-9a-f]{64}$')), name='catalog_pluginversion_fingerprint_shape'), models.CheckConstraint(condition=models.Q(('byte_size__gte', 1), ('rank__gte', 1)), name='catalog_pluginversion_has_weights'), models.CheckConstraint(condition=models.Q(('affirmation__isnull', False), models.Q(('parts_count__gte', 2), ('works_count', 0)), _connector='OR'), name='catalog_pluginversion_affirmed_or_combined'), models.CheckConstraint(condition=models.Q(('only_release__isnull', True), ('parts_count__gte', 2), _connector='OR'), name='catalog_pluginversion_one_release_if_combined')],
            },
        ),
        migrations.CreateModel(
            name='BarredVersion',
            fields=[
                ('version', models.OneToOneField(on_delete=django.db.models.deletion.DO_NOTHING, primary_key=True, related_name='+', serialize=False, to='catalog.pluginversion')),
            ],
            options={
                'db_table': 'catalog_barredversion',
                'managed': False,
            },
        ),
        migrations.CreateModel(
            name='CoOwnerTerms',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField(help_text="Of the person's terms for this plug-in, from 1.")),
                ('step', models.CharField(choices=[('offered', 'Offered'), ('accepted', 'Accepted'), ('declined', 'Declined'), ('withdrawn', 'Offer withdrawn'), ('ended', 'Ended by the owner'), ('left', 'Given up')], max_length=10)),
                ('share_bps', models.PositiveIntegerField(help_text='Paid from here on; 3000 is 30 % of the fee.')),
                ('offered_bps', models.PositiveIntegerField(help_text='Paid once it is accepted; 0 where nothing is open.')),
                ('valid_from', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('made_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='co_owner_terms', to=settings.AUTH_USER_MODEL)),
                ('plugin', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='co_owner_terms', to='catalog.plugin')),
            ],
            options={
                'verbose_name': 'terms of a co-owner',
                'verbose_name_plural': 'terms of co-owners',
                'ordering': ['pk'],
                'constraints': [models.UniqueConstraint(fields=('plugin', 'person', 'number'), name='catalog_coowner_one_step_after_the_other'), models.CheckConstraint(condition=models.Q(('number__gte', 1), ('offered_bps__lte', 9999), ('share_bps__lte', 9999)), name='catalog_coowner_shares_in_range'), models.CheckConstraint(condition=models.Q(models.Q(('offered_bps__gt', 0), ('step', 'offered')), models.Q(('offered_bps', 0), ('share_bps__gt', 0), ('step', 'accepted')), models.Q(('offered_bps', 0), ('step__in', ('declined', 'withdrawn'))), models.Q(('offered_bps', 0), ('share_bps', 0), ('step__in', ('ended', 'left'))), _connector='OR'), name='catalog_coowner_step_means_its_shares'), models.CheckConstraint(condition=models.Q(models.Q(('made_by', models.F('person')), ('step__in', ('accepted', 'declined', 'left'))), models.Q(models.Q(('step__in', ('accepted', 'declined', 'left')), _negated=True), models.Q(('made_by', models.F('person')), _negated=True)), _connector='OR'), name='catalog_coowner_step_is_taken_by_its_side')],
            },
        ),
        migrations.CreateModel(
            name='PlugInPart',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveSmallIntegerField()),
                ('name', models.CharField(help_text='As the file calls it.', max_length=120)),
                ('share', models.PositiveIntegerField(help_text='As the file states it, in basis points.')),
                ('part', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='part_of', to='catalog.pluginversion')),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='parts', to='catalog.pluginversion')),
            ],
            options={
                'verbose_name': 'part of a plug-in',
                'verbose_name_plural': 'parts of plug-ins',
                'ordering': ['version', 'position'],
                'constraints': [models.UniqueConstraint(fields=('version', 'position'), name='catalog_part_position_once'), models.UniqueConstraint(fields=('version', 'part'), name='catalog_part_once_a_version'), models.CheckConstraint(condition=models.Q(('share__gte', 1), ('share__lte', 10000)), name='catalog_part_share_in_range'), models.CheckConstraint(condition=models.Q(('part__isnull', True), ('part__lt', models.F('version')), _connector='OR'), name='catalog_part_is_older_than_its_version'), models.CheckConstraint(condition=models.Q(('name__regex', '\\S')), name='catalog_part_is_named')],
            },
        ),
        migrations.CreateModel(
            name='PlugInSample',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveSmallIntegerField()),
                ('prompt', models.CharField(max_length=500)),
                ('seed', models.BigIntegerField()),
                ('file', models.FileField(max_length=200, upload_to=market.catalog.models.versions.sample_path)),
                ('width', models.PositiveIntegerField()),
                ('height', models.PositiveIntegerField()),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='samples', to='catalog.pluginversion')),
            ],
            options={
                'verbose_name': 'sample',
                'ordering': ['version', 'position'],
                'constraints': [models.UniqueConstraint(fields=('version', 'position'), name='catalog_pluginsample_position_once')],
            },
        ),
        migrations.CreateModel(
            name='PriceChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('plugin', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='catalog.plugin')),
            ],
        ),
        migrations.CreateModel(
            name='VersionOnRelease',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('made_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('release', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='basemodels.baserelease')),
                ('replaced', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='replacements', to='catalog.pluginversion')),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='replacing', to='catalog.pluginversion')),
            ],
            options={
                'verbose_name': 'version on a release',
                'verbose_name_plural': 'versions on releases',
                'ordering': ['pk'],
                'constraints': [models.UniqueConstraint(fields=('release', 'replaced'), name='catalog_versiononrelease_one_a_release'), models.CheckConstraint(condition=models.Q(('replaced', models.F('version')), _negated=True), name='catalog_versiononrelease_is_another')],
            },
        ),
        migrations.AddField(
            model_name='plugin',
            name='current_version',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.pluginversion'),
        ),
        migrations.AddConstraint(
            model_name='plugin',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'published'), _negated=True), models.Q(('current_version__isnull', False), ('published_at__isnull', False)), _connector='OR'), name='catalog_plugin_published_with_a_version'),
        ),
        # Ownership across tables.
        migrations.RunSQL("""
ALTER TABLE catalog_work
    ADD CONSTRAINT catalog_work_artist_is_the_concepts
    FOREIGN KEY (concept_id, artist_id) REFERENCES catalog_concept (id, artist_id);
ALTER TABLE catalog_plugin
    ADD CONSTRAINT catalog_plugin_owner_is_the_concepts_artist
    FOREIGN KEY (concept_id, owner_id) REFERENCES catalog_concept (id, artist_id);
ALTER TABLE catalog_pluginversion
    ADD CONSTRAINT catalog_pluginversion_id_and_plugin UNIQUE (id, plugin_id);
ALTER TABLE catalog_plugin
    ADD CONSTRAINT catalog_plugin_current_version_is_its_own
    FOREIGN KEY (current_version_id, id) REFERENCES catalog_pluginversion (id, plugin_id)
    DEFERRABLE INITIALLY DEFERRED;
"""),
        LoadSql(
            'catalog_refuse_change', 'catalog_coownerterms_follow', 'catalog_check_parts',
            'catalog_barredversion', 'catalog_suspension_stays', 'catalog_keep_version_on_release', 'catalog_note_price_change',
        ),
    ]
