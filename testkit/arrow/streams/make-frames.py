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
# Rows 1, 4, 7, 10 have no list, rows 2, 5, 8, 11 an empty one, the others have two dividends.
def dividends(first, second):
    lists = [[{**first, 'amount': 1}, {**second, 'amount': 0.5}], None, []]
    return [lists[i % 3] for i in range(n)]
times = dividends({'time': 0.1}, {'time': 0.25})
dates = dividends({'date': datetime.date(2026, 2, 1)}, {'date': datetime.date(2026, 4, 1)})
texts = dividends({'date': '2026-02-01'}, {'date': '2026-04-01'})
moments = dividends({'date': pd.Timestamp('2026-02-01')}, {'date': pd.Timestamp('2026-04-01')})
mixed = dividends({'time': 0.1}, {'date': '2026-04-01'})
empty = [[] for _ in range(n)]
dated = frame.assign(valuation_date='2026-01-01')
pandas('pandas-dividends', frame.assign(dividends=times))
pandas('pandas-dividend-dates', dated.assign(dividends=dates))
pandas('pandas-dividend-texts', dated.assign(dividends=texts))
pandas('pandas-dividend-timestamps', dated.assign(dividends=moments))
pandas('pandas-dividends-mixed', dated.assign(dividends=mixed))
pandas('pandas-dividends-empty', frame.assign(dividends=empty))
frame = pl.DataFrame(rows)
dated = frame.with_columns(valuation_date=pl.lit('2026-01-01'))
whole = [items and [{**item, 'amount': float(item['amount'])} for item in items] for items in times]
polars('polars-dividends', frame.with_columns(dividends=pl.Series(whole)))
polars('polars-dividend-dates', dated.with_columns(dividends=pl.Series(dates, strict=False)))
polars('polars-dividend-texts', dated.with_columns(dividends=pl.Series(texts, strict=False)))
polars('polars-dividends-empty', frame.with_columns(dividends=pl.Series(empty)))
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
