/**
 * What goes over the wire, for the server and its page. It imports nothing.
 * @module
 */

/** A model as `GET /v1/models` lists it: OpenAI's shape, with what this server says besides. */
export interface ModelObject {
  readonly id: string;
  readonly object: 'model';
  readonly created: number;
  readonly owned_by: string;
  /** Name and title of its system. */
  readonly system: string;
  readonly title: string;
  /** Pixels of its pictures. */
  readonly width: number;
  readonly height: number;
  /** Pixels of a token along each axis. */
  readonly token_pixels: number;
  readonly classes: number;
  /** Whether its classes have names. */
  readonly named: boolean;
  readonly license: string | null;
  /** Whether parts of pictures can be drawn anew, and pictures of other sizes. */
  readonly edits: boolean;
  readonly sizes: boolean;
  /** Whether the number of steps is free. */
  readonly free_steps: boolean;
  readonly defaults: {
    readonly steps: number;
    readonly guidance: number;
    readonly no_guidance: number;
    readonly temperature: number;
    readonly top_p: number;
  };
}

export interface ClassObject {
  readonly index: number;
  readonly name: string | null;
  /** What else it is called, where the model knows it. */
  readonly other_names?: readonly string[];
}

export interface LimitsObject {
  readonly count: number;
  readonly pixels: number;
  readonly tokens: number;
  readonly redrawn_tokens: number;
  readonly body_bytes: number;
}

export interface ErrorObject {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string | null;
  };
}

export interface StepObject {
  /** Number of the picture, from 0. */
  readonly picture: number;
  /** Which step of its picture, from 1. */
  readonly step: number;
  /** How many of its tokens are there, and how many there are to draw. */
  readonly done: number;
  readonly total: number;
  /** The picture as it is then as a data URL; null where newer steps waited. */
  readonly preview: string | null;
}

export interface PictureObject {
  readonly picture: number;
  readonly class: ClassObject | null;
  readonly width: number;
  readonly height: number;
  /** A PNG as a data URL. */
  readonly image: string;
}

/** The events of a drawing, by name. */
export interface DrawEvents {
  /** How many requests are before this one. */
  readonly queued: { readonly ahead: number };
  readonly start: {
    readonly model: string;
    readonly seed: number;
    readonly count: number;
    readonly width: number;
    readonly height: number;
    readonly steps: number;
  };
  readonly step: StepObject;
  readonly picture: PictureObject;
  readonly done: { readonly seconds: number };
  readonly error: ErrorObject;
}
