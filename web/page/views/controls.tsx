/** Stops, steps and drives time. Every button has a key, which its title names. */
import { SPEEDS, speedAt, stepOfSpeed } from '../model/speeds';
import { moment, speedName } from '../model/words';
import { LiveButton } from './source-parts';
import { useStore } from './store-context';

function Clock() {
  const { drawnMs, isFollowing } = useStore();
  return (
    <>
      {isFollowing.value && (
        <small class="following" title="the past is shown; the cluster is run again up to it">
          ↻ running again
        </small>
      )}
      <output class="clock" title="virtual time since the start">
        {moment(drawnMs.value)}
      </output>
    </>
  );
}

function SpeedControl() {
  const store = useStore();
  const speed = store.speed.value;
  const { drivenSpeed, isPlaying } = store.time.value;
  const isAuto = speed === 'auto';
  return (
    <span class="speed">
      <label title="virtual time for each unit of real time; keys - and +">
        speed
        <input
          type="range"
          min="0"
          max={SPEEDS.length - 1}
          step="1"
          value={stepOfSpeed(isAuto ? drivenSpeed || 0.02 : speed)}
          onInput={(event) => store.setSpeed(speedAt(Number(event.currentTarget.value)))}
        />
      </label>
      <output>{isAuto && !isPlaying ? 'auto' : speedName(isAuto ? drivenSpeed || 1 : speed)}</output>
      <button
        type="button"
        class={`small ${isAuto ? 'on' : ''}`}
        aria-pressed={isAuto}
        onClick={() => store.setSpeed('auto')}
        title="slow while messages travel, faster while nothing happens (key 0)"
      >
        auto
      </button>
    </span>
  );
}

export function Controls() {
  const store = useStore();
  const { isPlaying } = store.time.value;
  return (
    <div class="controls" role="toolbar" aria-label="time">
      <button type="button" title="back to the beginning (Home)" onClick={() => store.home()}>
        |◂
      </button>
      <button type="button" title="back to the event before (←)" onClick={() => store.back()}>
        ◂ event
      </button>
      <button
        type="button"
        class="play"
        title={isPlaying ? 'stop time (space)' : 'let time go on (space)'}
        aria-label={isPlaying ? 'stop time' : 'play'}
        onClick={() => store.toggle()}
      >
        {isPlaying ? '❚❚' : '▶'}
      </button>
      <button
        type="button"
        title="to the next event (→)"
        onClick={() => store.send({ type: 'step', to: 'event' })}
      >
        event ▸
      </button>
      <button
        type="button"
        title="to the next message (shift →)"
        onClick={() => store.send({ type: 'step', to: 'message' })}
      >
        message ▸
      </button>
      <SpeedControl />
      <span class="zoom">
        <button type="button" title="a longer stretch of time (PageDown)" onClick={() => store.zoomBy(2)}>
          −
        </button>
        <button type="button" title="a shorter stretch of time (PageUp)" onClick={() => store.zoomBy(0.5)}>
          +
        </button>
        <button
          type="button"
          class={store.zoom.value ? 'on' : ''}
          title="all of the run, or its end"
          onClick={() => {
            store.zoom.value = null;
          }}
        >
          all
        </button>
      </span>
      <Clock />
      <LiveButton />
    </div>
  );
}
