"""How long an assistant waits for others, and how much it keeps meanwhile."""

from dataclasses import dataclass

from ..const import MAX_SESSIONS, SESSION_IDLE


@dataclass(slots=True, kw_only=True)
class Timing:
    """The patience of one assistant. In seconds, where nothing else is said.

    All parts of the assistant read it when they need it: a test may change it at any time.
    """

    # Sessions
    connect_wait: float = 20.0  # that a turn waits for its connection
    turn_wait: float = 10.0  # that a second turn of a conversation waits for the first
    session_idle: float = SESSION_IDLE  # until an unused session is closed
    silent_idle: float = 60.0  # until one is closed in which nothing was said
    max_sessions: int = MAX_SESSIONS

    # A service that is away
    probe_delay: float = 5.0  # between two tries to reach the service, at first
    max_probe_delay: float = 300.0
    max_retry_after: float = 3600.0  # however long the service asks to be left alone
    try_delay: float = 2.0  # between the tries of two turns
    try_patience: float = 3.0  # that the try of a turn may take

    # A person who speaks
    no_speech: float = 15.0  # until the first word
    speech: float = 60.0  # until the last word
    commit: float = 3.0  # until the service has found speech in a stream that has ended
    catch_up: float = 0.5  # until the service has found the end of that speech
    transcript: float = 10.0  # until the words are known
    own_answer: float = (
        1.0  # until the service has begun its answer, which is asked for then
    )
    claim: float = 10.0  # after the last word, until an agent has taken the turn
    max_buffered: float = 30.0  # of speech that is kept until the session is open

    # An action; ffmpeg may wait for a server, or the uplink may be slow
    append: float = 120.0  # that one append may take
    max_audio: int = 600  # of audio that one append may have
    floor_pause: float = 5.0  # of a caller, until another may speak
    floor_wait: float = 120.0  # that a caller waits for the others

    # A live session in a browser
    live_pause: float = 0.3  # until the browser has told where it has paused
    live_words: float = 0.5  # until the words of an interruption are known
    live_tool: float = 2.0  # of an interrupted answer, until it is given up
    live_patience: float = 20.0  # with a browser that does not tell what it plays
    live_touch: float = 60.0  # between two signs of life to the chat
    live_idle: float = 900.0  # without a word, until the session ends
    max_live: int = 4  # live sessions of one assistant

    # A named screen
    screen_entity: float = 10.0  # until a new screen has its entity
    screen_plays: float = 300.0  # that a page may take to play something
    max_screens: int = 32  # of one assistant, with a page or without

    # An answer
    speech_gap: float = 0.5  # without a sound, until a player gets silence
    response_stall: float = 30.0  # without a word, until a response is taken for dead
    turn: float = 300.0  # that a whole turn may take, its tools included
