from django.db import migrations

# What the releases that were built so far lack. Since then a release is built with its rows (`building.complete_build`).
FILL = """
    INSERT INTO catalog_erasedconcept (release_id, position, name, aliases, concept_id, version_id)
    SELECT build.release_id, part.position, extraction.name, extraction.aliases, extraction.concept_id, extraction.version_id
      FROM extractions_buildpart part
      JOIN extractions_releasebuild build ON build.id = part.build_id
      JOIN extractions_extraction extraction ON extraction.id = part.extraction_id
     WHERE build.release_id IS NOT NULL
"""


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0002_erased_concepts'),
        ('extractions', '0001_initial'),
    ]

    operations = [migrations.RunSQL(FILL, migrations.RunSQL.noop)]
