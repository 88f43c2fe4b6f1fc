"""The ledger's tables, and the functions and triggers that keep what it promises: `sql/`.

Triggers hold against every role that does not own the tables, whatever statement it sends. Errors carry an SQLSTATE of the class
LG, which market.ledger.errors turns into exceptions. Functions that move money are each one call, all or nothing, and idempotent
by its key. They run with the rights of the tables' owner (SECURITY DEFINER), so that the application's role needs no right to
write the tables: see `manage.py ledger_role`.
"""

import django.db.models.deletion
import django.db.models.functions.datetime
import market.ledger.models
from django.conf import settings
from django.db import migrations, models

from market.sql import LoadSql


class Migration(migrations.Migration):

    # The migrations of a database that was made before the first release.
    replaces = [
        ('ledger', '0001_tables'),
        ('ledger', '0002_guards'),
        ('ledger', '0003_operations'),
        ('ledger', '0004_seal_tables'),
        ('ledger', '0005_sealing'),
        ('ledger', '0006_figures_and_periods'),
        ('ledger', '0007_lean_captures_and_figures'),
        ('ledger', '0008_payer_balances'),
        ('ledger', '0009_figures_by_month'),
    ]

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Figure',
            fields=[
                ('span', models.CharField(choices=[('day', 'A day'), ('month', 'A month')], db_default='day', default='day', max_length=5)),
                ('sort', models.CharField(choices=[('kind', 'One line of all accounts of a kind'), ('line', 'One line and subject of one account'), ('account', 'All lines of one account'), ('subject', 'All accounts of one subject')], max_length=7)),
                ('currency', models.CharField(max_length=3)),
                ('account_kind', models.CharField(max_length=20)),
                ('line', models.CharField(max_length=40)),
                ('subject', models.CharField(max_length=200)),
                ('memo', models.CharField(help_text='What the subject was called when it was last paid for.', max_length=200)),
                ('amount', models.DecimalField(decimal_places=0, max_digits=30)),
                ('transfers', models.BigIntegerField()),
                ('captures', models.BigIntegerField()),
                ('day', models.DateField(primary_key=True, serialize=False)),
            ],
            options={
                'db_table': 'ledger_figure',
                'managed': False,
            },
        ),
        migrations.CreateModel(
            name='Account',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('wallet', 'Wallet'), ('earnings', 'Earnings'), ('platform_revenue', 'Platform revenue'), ('gateway_clearing', 'Gateway clearing (money in)'), ('escrow', 'Escrow'), ('promotion', 'Promotional credit'), ('payout_clearing', 'Payout clearing (money out)'), ('tax_withheld', 'Tax withheld')], max_length=20)),
                ('currency', models.CharField(db_default='EUR', default='EUR', max_length=3)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('owner', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='ledger_accounts', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['pk'],
                'constraints': [models.UniqueConstraint(fields=('owner', 'kind', 'currency'), name='ledger_account_one_per_owner_kind_currency', nulls_distinct=False), models.CheckConstraint(condition=models.Q(('kind__in', ['wallet', 'earnings', 'platform_revenue', 'gateway_clearing', 'escrow', 'promotion', 'payout_clearing', 'tax_withheld'])), name='ledger_account_kind_known'), models.CheckConstraint(condition=models.Q(('currency__regex', '^[A-Z]{3}$')), name='ledger_account_currency_is_three_letters'), models.CheckConstraint(condition=models.Q(models.Q(('kind__in', ('wallet', 'promotion', 'earnings')), ('owner__isnull', False)), models.Q(('kind__in', ('platform_revenue', 'gateway_clearing', 'payout_clearing', 'tax_withheld')), ('owner__isnull', True)), ('kind', 'escrow'), _connector='OR'), name='ledger_account_owner_fits_kind')],
            },
        ),
        migrations.CreateModel(
            name='Hold',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=200)),
                ('request_hash', models.CharField(max_length=64)),
                ('currency', models.CharField(max_length=3)),
                ('amount', models.BigIntegerField()),
                ('shares', models.JSONField(help_text='The terms as they were when the hold was made, in posting order.')),
                ('reference', models.CharField(max_length=200)),
                ('expires_at', models.DateTimeField()),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('payer', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='holds', to='ledger.account')),
            ],
            options={
                'ordering': ['-pk'],
                'indexes': [models.Index(fields=['payer', '-id'], name='ledger_hold_payer'), models.Index(fields=['reference'], name='ledger_hold_reference')],
                'constraints': [models.UniqueConstraint(fields=('key',), name='ledger_hold_key_once'), models.CheckConstraint(condition=models.Q(('key', ''), _negated=True), name='ledger_hold_key_not_empty'), models.CheckConstraint(condition=models.Q(('reference', ''), _negated=True), name='ledger_hold_reference_not_empty'), models.CheckConstraint(condition=models.Q(('amount__gt', 0)), name='ledger_hold_amount_above_zero'), models.CheckConstraint(condition=models.Q(('expires_at__gt', models.F('created_at'))), name='ledger_hold_expires_after_it_is_made')],
            },
        ),
        migrations.CreateModel(
            name='ClosedPeriod',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('until', models.DateTimeField(help_text='What was posted before this day, in UTC, is closed.', unique=True)),
                ('transfers', models.BigIntegerField(help_text='How many there are before that moment.')),
                ('balances', models.JSONField()),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('closed_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-until'],
                'get_latest_by': 'until',
                'constraints': [models.CheckConstraint(condition=models.Q(('created_at__gt', models.F('until'))), name='ledger_closedperiod_is_past')],
            },
        ),
        migrations.CreateModel(
            name='PendingHold',
            fields=[
                ('hold', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='pending', serialize=False, to='ledger.hold')),
                ('expires_at', models.DateTimeField(db_index=True)),
            ],
        ),
        migrations.CreateModel(
            name='Rollup',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField(help_text='In UTC; of a month, its first.')),
                ('sort', models.CharField(choices=[('kind', 'One line of all accounts of a kind'), ('line', 'One line and subject of one account'), ('account', 'All lines of one account'), ('subject', 'All accounts of one subject')], max_length=7)),
                ('currency', models.CharField(max_length=3)),
                ('account_kind', models.CharField(max_length=20)),
                ('line', models.CharField(max_length=40)),
                ('subject', models.CharField(max_length=200)),
                ('memo', models.CharField(help_text='What the subject was called when it was last paid for.', max_length=200)),
                ('amount', models.DecimalField(decimal_places=0, max_digits=30)),
                ('transfers', models.BigIntegerField()),
                ('captures', models.BigIntegerField()),
                ('account', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.account')),
                ('span', models.CharField(choices=[('day', 'A day'), ('month', 'A month')], db_default='day', default='day', max_length=5)),
            ],
            options={
                'ordering': ['day', 'pk'],
                'indexes': [models.Index(fields=['account', 'sort', 'span', 'day'], include=('amount',), name='ledger_rollup_account'), models.Index(fields=['sort', 'span', 'account_kind', 'day'], include=('amount',), name='ledger_rollup_kind'), models.Index(condition=models.Q(('sort', 'line'), models.Q(('subject', ''), _negated=True)), fields=['subject', 'account'], name='ledger_rollup_subject')],
                'constraints': [models.UniqueConstraint(fields=('span', 'day', 'sort', 'currency', 'account_kind', 'account', 'line', 'subject'), name='ledger_rollup_once', nulls_distinct=False)],
            },
        ),
        migrations.CreateModel(
            name='Subtree',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('level', models.SmallIntegerField()),
                ('index', models.BigIntegerField()),
                ('hash', models.BinaryField(max_length=32)),
            ],
            options={
                'ordering': ['level', 'index'],
                'constraints': [models.UniqueConstraint(fields=('level', 'index'), name='ledger_subtree_once'), models.CheckConstraint(condition=models.Q(('index__gte', 0), ('level__gte', 1)), name='ledger_subtree_above_leaves')],
            },
        ),
        migrations.CreateModel(
            name='Transfer',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(help_text="The caller's idempotency key.", max_length=200)),
                ('request_hash', models.CharField(help_text='SHA-256 of what was asked for under the key.', max_length=64)),
                ('kind', models.CharField(max_length=40)),
                ('currency', models.CharField(max_length=3)),
                ('amount', models.BigIntegerField(help_text='The sum of the credits, in micro-units.')),
                ('entry_count', models.SmallIntegerField()),
                ('reference', models.CharField(blank=True, default='', help_text='What it was for, such as generation:<uuid>.', max_length=200)),
                ('memo', models.TextField(blank=True, default='')),
                ('transaction', models.BigIntegerField(db_default=market.ledger.models.TransactionId(), editable=False)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('actor', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('reverses', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='reversed_by', to='ledger.transfer')),
            ],
            options={
                'ordering': ['-pk'],
                'indexes': [models.Index(fields=['created_at', 'kind'], name='ledger_transfer_created'), models.Index(condition=models.Q(('reference', ''), _negated=True), fields=['reference'], name='ledger_transfer_reference'), models.Index(fields=['transaction', 'id'], name='ledger_transfer_transaction')],
                'constraints': [models.UniqueConstraint(fields=('key',), name='ledger_transfer_key_once'), models.CheckConstraint(condition=models.Q(('key', ''), _negated=True), name='ledger_transfer_key_not_empty'), models.CheckConstraint(condition=models.Q(('amount__gt', 0)), name='ledger_transfer_amount_above_zero'), models.CheckConstraint(condition=models.Q(('entry_count__gte', 2)), name='ledger_transfer_two_entries_or_more'), models.CheckConstraint(condition=models.Q(('kind__regex', '^[a-z][a-z_]*$')), name='ledger_transfer_kind_is_a_word'), models.CheckConstraint(condition=models.Q(models.Q(('kind', 'reversal'), ('reverses__isnull', False)), models.Q(models.Q(('kind', 'reversal'), _negated=True), ('reverses__isnull', True)), _connector='OR'), name='ledger_transfer_reversal_names_what_it_reverses')],
            },
        ),
        migrations.CreateModel(
            name='Leaf',
            fields=[
                ('index', models.BigIntegerField(primary_key=True, serialize=False)),
                ('hash', models.BinaryField(max_length=32)),
                ('salt', models.BinaryField(max_length=16)),
                ('transfer', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='leaf', to='ledger.transfer')),
            ],
            options={
                'verbose_name_plural': 'leaves',
                'ordering': ['index'],
                'constraints': [models.CheckConstraint(condition=models.Q(('index__gte', 0)), name='ledger_leaf_index_from_zero')],
            },
        ),
        migrations.CreateModel(
            name='HoldResolution',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('outcome', models.CharField(choices=[('posted', 'Posted'), ('voided', 'Voided')], max_length=10)),
                ('key', models.CharField(max_length=200)),
                ('reason', models.CharField(blank=True, default='', max_length=200)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('hold', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='resolution', to='ledger.hold')),
                ('transfer', models.OneToOneField(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='hold_resolution', to='ledger.transfer')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('outcome', 'posted'), ('transfer__isnull', False)), models.Q(('outcome', 'voided'), ('transfer__isnull', True)), _connector='OR'), name='ledger_holdresolution_posted_has_a_transfer'), models.UniqueConstraint(fields=('key',), name='ledger_holdresolution_key_once'), models.CheckConstraint(condition=models.Q(('key', ''), _negated=True), name='ledger_holdresolution_key_not_empty')],
            },
        ),
        migrations.CreateModel(
            name='Entry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.SmallIntegerField()),
                ('amount', models.BigIntegerField()),
                ('line', models.CharField(help_text='Such as charge, plugin_fee, base_fee, commission.', max_length=40)),
                ('subject', models.CharField(blank=True, default='', help_text='Such as plugin-version:12.', max_length=200)),
                ('memo', models.CharField(blank=True, default='', max_length=200)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('account', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='entries', to='ledger.account')),
                ('transfer', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='entries', to='ledger.transfer')),
            ],
            options={
                'verbose_name_plural': 'entries',
                'ordering': ['transfer', 'position'],
                'indexes': [models.Index(fields=['account', 'created_at'], include=('amount',), name='ledger_entry_account_created')],
                'constraints': [models.UniqueConstraint(fields=('transfer', 'position'), name='ledger_entry_one_per_position'), models.CheckConstraint(condition=models.Q(('amount', 0), _negated=True), name='ledger_entry_amount_not_zero'), models.CheckConstraint(condition=models.Q(('position__gte', 1)), name='ledger_entry_position_from_one')],
            },
        ),
        migrations.CreateModel(
            name='TreeHead',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('size', models.BigIntegerField(unique=True)),
                ('root', models.BinaryField(max_length=32)),
                ('checkpoint', models.TextField(help_text='The signed note (C2SP tlog-checkpoint).')),
                ('horizon', models.BigIntegerField()),
                ('cluster', models.BigIntegerField()),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
            ],
            options={
                'ordering': ['-size'],
                'get_latest_by': 'size',
                'constraints': [models.CheckConstraint(condition=models.Q(('size__gt', 0)), name='ledger_treehead_not_empty')],
            },
        ),
        migrations.CreateModel(
            name='PayerBalance',
            fields=[
                ('account', models.OneToOneField(editable=False, on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='kept', serialize=False, to='ledger.account')),
                ('posted', models.BigIntegerField(db_default=0, editable=False, help_text='The sum of the entries, in micro-units.')),
                ('held', models.BigIntegerField(db_default=0, editable=False, help_text='The sum of the pending holds, in micro-units.')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('held__gte', 0), ('posted__gte', models.F('held'))), name='ledger_payerbalance_never_overspent')],
            },
        ),
        # Room on each page, so that a row's next version lands beside it and no index changes.
        migrations.RunSQL("""
ALTER TABLE ledger_payerbalance SET (fillfactor = 50);
"""),
        migrations.RunSQL("""
ALTER TABLE ledger_closedperiod ADD CONSTRAINT ledger_closedperiod_of_whole_days
    CHECK (until = date_trunc('day', until, 'UTC'));
"""),
        # Nothing written is changed, entries sum to zero, balances follow the entries and holds.
        LoadSql(
            'ledger_refuse_change', 'ledger_refuse_change_by_hand', 'ledger_insufficient', 'ledger_account_opened',
            'ledger_refuse_entries', 'ledger_entries_written', 'ledger_check_transfer', 'ledger_hold_made',
            'ledger_hold_resolved',
        ),
        # The functions that move money, and those that they call.
        LoadSql(
            'ledger_request', 'ledger_done', 'ledger_write_transfer', 'ledger_open_account', 'ledger_post', 'ledger_reverse',
            'ledger_hold', 'ledger_refuse_resolved', 'ledger_refuse_resolution', 'ledger_capture', 'ledger_void',
            'ledger_expire',
        ),
        # Seals, the sums that follow them, and periods that are closed.
        LoadSql(
            'ledger_seal', 'ledger_sums', 'ledger_unsealed', 'ledger_figure', 'ledger_roll_up', 'ledger_balances',
            'ledger_close_period',
        ),
    ]
