"""Regional instance templates: as global ones, but read by name, and without a link that later templates of the name do not share."""

from __future__ import annotations

from localcloud.provider.check import Naming
from localcloud.provider.compute import Settings
from localcloud.provider.families.instance_template import TABLE, InstanceTemplate
from localcloud.provider.resource import Timeouts

REGION_INSTANCE_TEMPLATE = InstanceTemplate(
    "gcp:compute/regionInstanceTemplate:RegionInstanceTemplate",
    Settings(
        collection="regions/{region}/instanceTemplates",
        table=TABLE,
        labels="attributed",
        timeouts=Timeouts(create=240, update=None, delete=240),
        schema_version="1",
        naming=Naming(prefix_property="namePrefix"),
        view="&view=FULL",
    ),
)
