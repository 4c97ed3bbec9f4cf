import pyarrow as pa, os, sys
out = sys.argv[1]; os.makedirs(out, exist_ok=True)
n = 12
spot = [100.0 + i for i in range(n)]; strike = [100.0 + (i % 5) for i in range(n)]
side = ['call' if i % 2 == 0 else 'put' for i in range(n)]
base = {'spot': pa.array(spot), 'strike': pa.array(strike), 'time_to_expiry': pa.array([0.5]*n), 'rate': pa.array([0.03]*n), 'volatility': pa.array([0.2]*n)}
def write(name, batches, schema=None, **options):
    schema = schema or batches[0].schema
    with pa.OSFile(f'{out}/{name}.arrow', 'wb') as sink:
        with pa.ipc.new_stream(sink, schema, options=pa.ipc.IpcWriteOptions(**options)) as w:
            for b in batches: w.write_batch(b)
plain = pa.record_batch({**base, 'option_type': pa.array(side)})
write('utf8', [plain])
asked = plain.schema.with_metadata({'volwatch.outputs': 'price, delta', 'other': 'x'})
write('outputs', [plain.cast(asked) if hasattr(plain, 'cast') else plain], asked)
write('dictionary', [pa.record_batch({**base, 'option_type': pa.array(side).dictionary_encode()})])
nulls = pa.record_batch({**base, 'dividend_yield': pa.array([None if i % 3 else 0.01 for i in range(n)], pa.float64()), 'option_type': pa.array([None if i == 4 else s for i, s in enumerate(side)])})
write('nulls', [nulls])
write('batches-sliced', [plain.slice(3, 4), plain.slice(0, 0), plain.slice(7, 5)])
small = pa.record_batch({'spot': pa.array([int(s) for s in spot], pa.uint8()), 'strike': pa.array([int(s) for s in strike], pa.int16()), 'time_to_expiry': pa.array([0.5]*n, pa.float32()), 'rate': pa.array([0]*n, pa.int8()), 'volatility': pa.array([1]*n, pa.uint32()), 'option_type': pa.array(side).dictionary_encode().cast(pa.dictionary(pa.int8(), pa.utf8()))})
write('small-numbers', [small])
def dicts(*entries):
    return [pa.record_batch({**{k: v.slice(0, 2) for k, v in base.items()}, 'option_type': pa.DictionaryArray.from_arrays(pa.array(ix, pa.int32()), pa.array(e))}) for ix, e in entries]
write('dictionary-delta', dicts(([0, 0], ['call']), ([0, 1], ['call', 'put'])), emit_dictionary_deltas=True)
write('dictionary-replaced', dicts(([0, 1], ['call', 'put']), ([0, 1], ['put', 'call'])))
write('metadata-v4-legacy', [plain], metadata_version=pa.ipc.MetadataVersion.V4, use_legacy_format=True)
write('refused-lz4', [plain], compression='lz4')
write('refused-zstd', [plain], compression='zstd')
large = pa.record_batch({**base, 'option_type': pa.array(side, pa.large_utf8())}); write('large-utf8', [large])
view = pa.record_batch({**base, 'option_type': pa.array(side, pa.string_view())}); write('utf8-view', [view])
nested = pa.record_batch({**base, 'option_type': pa.array(side), 'dividends': pa.array([[[0.1, 1.0]]]*n)}); write('refused-nested', [nested])
with pa.OSFile(f'{out}/refused-file.arrow', 'wb') as sink:
    with pa.ipc.new_file(sink, plain.schema) as w: w.write_batch(plain)
