"""Writes the streams of pandas and polars as these libraries write them by default."""
import datetime, decimal, io, sys
import pandas as pd, polars as pl, pyarrow as pa
out = sys.argv[1]
n = 12
rows = {
    'spot': [100 + i for i in range(n)],
    'strike': [100.0 + (i % 5) for i in range(n)],
    'time_to_expiry': [0.5] * n,
    'rate': [0.03] * n,
    'volatility': [0.2] * n,
    'option_type': ['call' if i % 2 == 0 else 'put' for i in range(n)],
}
def pandas(name, frame):
    table = pa.Table.from_pandas(frame)
    with pa.OSFile(f'{out}/{name}.arrow', 'wb') as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
def polars(name, frame):
    frame.write_ipc_stream(f'{out}/{name}.arrow')
frame = pd.DataFrame(rows)
pandas('pandas-default', frame)
pandas('pandas-category', frame.astype({'option_type': 'category'}))
pandas('pandas-filtered', frame[frame.index >= 0].sort_values('strike', kind='stable').sort_index())
day = pd.DatetimeIndex([datetime.datetime(2026, 1, 1 + i) for i in range(n)], name='quoted_at')
pandas('pandas-date-index', frame.set_index(day))
pandas('pandas-text-index', frame.set_index(pd.Index([f'row-{i}' for i in range(n)])))
pandas('pandas-null-column', frame.assign(dividend_yield=None))
pandas('pandas-decimal', frame.assign(strike=[decimal.Decimal(f'{100 + i % 5}.00') for i in range(n)]))
frame = pl.DataFrame(rows)
polars('polars-default', frame)
polars('polars-categorical', frame.with_columns(pl.col('option_type').cast(pl.Categorical)))
polars('polars-enum', frame.with_columns(pl.col('option_type').cast(pl.Enum(['call', 'put']))))
polars('polars-null-column', frame.with_columns(dividend_yield=pl.lit(None)))
polars('polars-decimal', frame.with_columns(pl.col('strike').cast(pl.Decimal(12, 2))))
long = [f'{"a long text that needs a buffer "}{i}' for i in range(n)]
polars('polars-ids', frame.with_columns(id=pl.Series(long)))
frame.write_ipc_stream(f'{out}/polars-zstd.arrow', compression='zstd')
frame.write_ipc_stream(f'{out}/polars-lz4.arrow', compression='lz4')
print(pd.__version__, pl.__version__, pa.__version__, sys.version)

names = ['spot', 'strike', 'time_to_expiry', 'rate', 'volatility', 'option_type']
batch = pa.record_batch({name: pa.nulls(100_000) for name in names})
with pa.OSFile(f'{out}/null-columns-only.arrow', 'wb') as sink, pa.ipc.new_stream(sink, batch.schema) as writer:
    writer.write_batch(batch)
