"""The JSON Schema (draft 2020-12) of a matrix file, for editors: what the pydantic models know, with their descriptions.

It holds what can be told of one value: keys, kinds, choices, patterns. What is wrong between values, ``farm validate`` finds.
A file that ``farm validate`` takes is right by the schema too, but that an axis called like a key of a job may have any values.
"""

from __future__ import annotations

from typing import Any  # what JSON holds

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from farm.matrix.schema import MatrixFile

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """The schema of a whole file."""
    made = MatrixFile.model_json_schema(by_alias=True, schema_generator=_Generator)
    return {"$schema": DIALECT, "title": "a matrix file of farm", **made}


class _Generator(GenerateJsonSchema):
    """pydantic's, for files in which a key is there with a value or not there: nothing is null, and no default is said."""

    schema_dialect = DIALECT

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        made = super().dict_schema(schema)
        if "patternProperties" in made:
            made["additionalProperties"] = False
        return made

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic asks with it
        return False

    def generate(self, schema: CoreSchema, mode: JsonSchemaMode = "validation") -> JsonSchemaValue:
        made = super().generate(schema, mode)
        for each in (made, *made.get("$defs", {}).values()):
            each.pop("title", None)
        return made
