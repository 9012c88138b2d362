"""Copies tables to another folder: the absolute locations in their metadata, manifests and position deletes are written
anew. Knows Avro's container format and nothing of Iceberg beyond the fields that hold locations and lengths."""

import io
import json
import struct
import tarfile
import zlib
from pathlib import Path

import pyarrow.compute as compute
import pyarrow.parquet as parquet


def unpack(archive, prefix, folder):
    """Unpacks an archive whose tables believe to be below `prefix`, so that they are right below `folder`."""
    with tarfile.open(archive) as packed:
        packed.extractall(folder)
    old, new = str(prefix), str(folder)
    sizes = {}
    for file in sorted(folder.rglob("*.parquet")):
        if move_position_deletes(file, old, new):
            sizes[file.name] = file.stat().st_size

    def fix(record):
        # Lengths stand beside the locations of what they are the lengths of.
        for location, length in (("file_path", "file_size_in_bytes"), ("manifest_path", "manifest_length")):
            if location in record and Path(record[location]).name in sizes:
                record[length] = sizes[Path(record[location]).name]

    manifests = sorted(folder.rglob("*.avro"), key=lambda file: file.name.startswith("snap-"))
    for file in manifests:
        file.write_bytes(moved_avro(file.read_bytes(), old.encode(), new.encode(), fix))
        sizes[file.name] = file.stat().st_size
    for file in folder.rglob("*.metadata.json"):
        file.write_text(file.read_text().replace(old, new))


def move_position_deletes(file, old, new):
    columns = parquet.read_schema(file)
    if "file_path" not in columns.names:
        return False
    rows = parquet.read_table(file)
    moved = compute.replace_substring(rows["file_path"], old, new)
    parquet.write_table(rows.set_column(0, columns.field("file_path"), moved), file)
    return True


def moved_avro(content, old, new, fix):
    """The container with `old` replaced in every string and run of bytes, uncompressed."""
    source = io.BytesIO(content)
    assert source.read(4) == b"Obj\x01"
    header = read({"type": "map", "values": "bytes"}, source, {})
    sync = source.read(16)
    schema = json.loads(header["avro.schema"])
    named = {}
    collect(schema, named)
    records = []
    while source.tell() < len(content):
        count, size = read("long", source, named), read("long", source, named)
        block = source.read(size)
        if header.get("avro.codec", b"null") == b"deflate":
            block = zlib.decompress(block, -15)
        block = io.BytesIO(block)
        records += [read(schema, block, named) for _ in range(count)]
        assert source.read(16) == sync

    def move(item):
        match item:
            case str():
                return item.replace(old.decode(), new.decode())
            case bytes():
                return item.replace(old, new)
            case dict():
                item = {name: move(inner) for name, inner in item.items()}
                fix(item)
                return item
            case list():
                return [move(inner) for inner in item]
        return item

    out, block = io.BytesIO(), io.BytesIO()
    for record in records:
        write(schema, move(record), block, named)
    out.write(b"Obj\x01")
    write({"type": "map", "values": "bytes"}, header | {"avro.codec": b"null"}, out, {})
    out.write(sync)
    write("long", len(records), out, named)
    write("long", block.tell(), out, named)
    out.write(block.getvalue() + sync)
    return out.getvalue()


def collect(schema, named):
    """The schema's named types, by name."""
    if isinstance(schema, list):
        for branch in schema:
            collect(branch, named)
    elif isinstance(schema, dict):
        if "name" in schema and schema["type"] in ("record", "fixed", "enum"):
            named[schema["name"]] = schema
        for inner in ("type", "items", "values"):
            if isinstance(schema.get(inner), (dict, list)):
                collect(schema[inner], named)
        for field in schema.get("fields", []):
            collect(field["type"], named)


def shape(schema, named):
    """The kind of a schema, and the schema that says more of it."""
    if isinstance(schema, str) and schema in named:
        schema = named[schema]
    if isinstance(schema, list):
        return "union", schema
    if isinstance(schema, dict):
        return (schema["type"], schema) if isinstance(schema["type"], str) else shape(schema["type"], named)
    return schema, None


def read(schema, source, named):
    kind, schema = shape(schema, named)
    match kind:
        case "null":
            return None
        case "boolean":
            return source.read(1) == b"\x01"
        case "int" | "long":
            number = offset = 0
            while True:
                byte = source.read(1)[0]
                number |= (byte & 127) << offset
                offset += 7
                if byte < 128:
                    return number >> 1 ^ -(number & 1)
        case "float":
            return struct.unpack("<f", source.read(4))[0]
        case "double":
            return struct.unpack("<d", source.read(8))[0]
        case "bytes" | "string":
            content = source.read(read("long", source, named))
            return content.decode() if kind == "string" else content
        case "fixed":
            return source.read(schema["size"])
        case "record":
            return {field["name"]: read(field["type"], source, named) for field in schema["fields"]}
        case "union":
            return read(schema[read("long", source, named)], source, named)
        case "array" | "map":
            items = [] if kind == "array" else {}
            while count := read("long", source, named):
                if count < 0:
                    count, _ = -count, read("long", source, named)
                for _ in range(count):
                    if kind == "array":
                        items.append(read(schema["items"], source, named))
                    else:
                        name = read("string", source, named)
                        items[name] = read(schema["values"], source, named)
            return items
    raise ValueError(f"no such Avro type: {kind}")


def write(schema, item, out, named):
    kind, schema = shape(schema, named)
    match kind:
        case "null":
            pass
        case "boolean":
            out.write(b"\x01" if item else b"\x00")
        case "int" | "long":
            number = item << 1 ^ item >> 63
            while number > 127:
                out.write(bytes([number & 127 | 128]))
                number >>= 7
            out.write(bytes([number]))
        case "float":
            out.write(struct.pack("<f", item))
        case "double":
            out.write(struct.pack("<d", item))
        case "bytes" | "string":
            content = item.encode() if kind == "string" else item
            write("long", len(content), out, named)
            out.write(content)
        case "fixed":
            out.write(item)
        case "record":
            for field in schema["fields"]:
                write(field["type"], item[field["name"]], out, named)
        case "union":
            # The unions of manifests are of null and one other type.
            branch = next(index for index, kind in enumerate(schema) if (kind == "null") == (item is None))
            write("long", branch, out, named)
            write(schema[branch], item, out, named)
        case "array" | "map":
            if item:
                write("long", len(item), out, named)
            for inner in item:
                if kind == "array":
                    write(schema["items"], inner, out, named)
                else:
                    write("string", inner, out, named)
                    write(schema["values"], item[inner], out, named)
            write("long", 0, out, named)
        case _:
            raise ValueError(f"no such Avro type: {kind}")
