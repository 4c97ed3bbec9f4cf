"""Writes prices as pandas, polars and pyarrow write them by default: two days of two symbols."""
import datetime, decimal, sys
import pandas as pd, polars as pl, pyarrow as pa
out = sys.argv[1]
days = [datetime.date(2024, 1, 2), datetime.date(2024, 1, 3)] * 2
rows = {'symbol': ['AAA', 'AAA', 'BBB', 'BBB'], 'date': days, 'close': [100.0, 101.0, 50.0, 49.5], 'volume': [10, 20, None, 40]}
def stream(name, table, **options):
    with pa.OSFile(f'{out}/{name}.arrow', 'wb') as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, **options)
def pandas(name, frame):
    stream(name, pa.Table.from_pandas(frame))
frame = pd.DataFrame(rows)
timed = frame.assign(date=pd.to_datetime(frame['date']))
pandas('pandas-objects', frame)
pandas('pandas-timestamps', timed)
pandas('pandas-utc', timed.assign(date=timed['date'].dt.tz_localize('UTC')))
pandas('pandas-date-index', timed.set_index('date'))
pandas('pandas-filtered', timed[timed['close'] > 0].sort_values('close').sort_index())
pandas('pandas-category', timed.assign(symbol=timed['symbol'].astype('category')))
pandas('refused-zone', timed.assign(date=timed['date'].dt.tz_localize('America/New_York')))
table = pa.Table.from_pandas(frame, preserve_index=False)
stream('pyarrow-batches', table, max_chunksize=1)
stream('pyarrow-texts', table.set_column(1, 'date', table['date'].cast(pa.string())))
stream('pyarrow-date64', table.set_column(1, 'date', table['date'].cast(pa.date64())))
stream('pyarrow-decimal', table.set_column(2, 'close', table['close'].cast(pa.decimal128(12, 2))))
stream('pyarrow-nulls', table.append_column('open', pa.nulls(4)))
stream('refused-text-close', table.set_column(2, 'close', table['close'].cast(pa.string())))
frame = pl.DataFrame(rows)
frame.write_ipc_stream(f'{out}/polars.arrow')
frame.with_columns(pl.col('symbol').cast(pl.Categorical)).write_ipc_stream(f'{out}/polars-categorical.arrow')
frame.with_columns(pl.col('date').cast(pl.Datetime('us'))).write_ipc_stream(f'{out}/polars-datetime.arrow')
frame.write_ipc_stream(f'{out}/refused-zstd.arrow', compression='zstd')
