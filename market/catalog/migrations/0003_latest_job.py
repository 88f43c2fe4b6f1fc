from django.db import migrations, models
import django.db.models.deletion


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0002_erased_concepts'),
    ]

    operations = [
        migrations.RenameField(model_name='plugin', old_name='addition', new_name='latest_job'),
        migrations.AlterField(
            model_name='plugin',
            name='latest_job',
            field=models.ForeignKey(blank=True, help_text='The latest job that makes, or made, a version: an addition, an upload, a combination.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='jobs.job'),
        ),
    ]
