"""ema-cross on NautilusTrader: `nautilus.py TICKS DIGITS` prints ticks, seconds and orders as JSON.

TICKS holds three columns of 8 bytes, one after the other: times in microseconds, bids, asks. Only the run is timed, not the
loading, and by what its thread had of a core; the best of RUNS counts. Crossed quotes change places: the peer refuses them.
"""

import json
import math
import os
import sys
import time

import nautilus_trader
import numpy as np
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig, StrategyConfig
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Venue
from nautilus_trader.model.objects import Money
from nautilus_trader.persistence.wranglers import QuoteTickDataWrangler
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.trading.strategy import Strategy
import pandas as pd

FAST, SLOW, LOTS = 0.02, 0.0005, 10_000
RUNS = 5


class Config(StrategyConfig, frozen=True):
    instrument_id: InstrumentId


class EmaCross(Strategy):
    def __init__(self, config):
        super().__init__(config)
        self.fast = self.slow = None
        self.missing = math.ceil(2 / SLOW - 1)
        self.side = None
        self.sent = 0

    def on_start(self):
        self.instrument = self.cache.instrument(self.config.instrument_id)
        self.volume = self.instrument.make_qty(LOTS)
        self.subscribe_quote_ticks(self.config.instrument_id)

    def on_quote_tick(self, tick):
        mid = (tick.bid_price.as_double() + tick.ask_price.as_double()) / 2
        if self.fast is None:
            self.fast = self.slow = mid
        else:
            self.fast += FAST * (mid - self.fast)
            self.slow += SLOW * (mid - self.slow)
        self.missing -= 1
        if self.missing > 0:
            return
        side = OrderSide.BUY if self.fast > self.slow else OrderSide.SELL
        before, self.side = self.side, side
        if before is None or before == side:
            return
        for _ in self.cache.positions_open(instrument_id=self.config.instrument_id):
            self.send(side)
        self.send(side)

    def send(self, side):
        self.sent += 1
        self.submit_order(self.order_factory.market(self.config.instrument_id, side, self.volume))


def ticks(path, instrument):
    rows = os.path.getsize(path) // 24
    times = np.fromfile(path, "<i8", rows)
    bids = np.fromfile(path, "<f8", rows, offset=8 * rows)
    asks = np.fromfile(path, "<f8", rows, offset=16 * rows)
    # Several ticks of one moment are kept, in their order.
    index = pd.to_datetime(times, unit="us", utc=True)
    frame = pd.DataFrame({"bid_price": np.minimum(bids, asks), "ask_price": np.maximum(bids, asks)}, index=index)
    return QuoteTickDataWrangler(instrument).process(frame)


def run(path):
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    venue = Venue("SIM")
    engine.add_venue(venue, OmsType.NETTING, AccountType.MARGIN, base_currency=USD, starting_balances=[Money(10_000_000, USD)])
    instrument = TestInstrumentProvider.default_fx_ccy("EUR/USD", venue)
    engine.add_instrument(instrument)
    data = ticks(path, instrument)
    engine.add_data(data)
    strategy = EmaCross(Config(instrument_id=instrument.id))
    engine.add_strategy(strategy)
    begun = time.thread_time()
    engine.run()
    seconds = time.thread_time() - begun
    engine.dispose()
    return seconds, len(data), strategy.sent


def main():
    seconds, count, orders = min(run(sys.argv[1]) for _ in range(RUNS))
    print(json.dumps({"version": nautilus_trader.__version__, "ticks": count, "seconds": seconds, "orders": orders}))


main()
