/** What the client and the server say to each other beyond LSP. Latencies are in µs, sizes in bytes; null is unknown. */

export interface Position {
  line: number;
  character: number;
}

export interface Range {
  start: Position;
  end: Position;
}

export interface Location {
  uri: string;
  range: Range;
}

// ---- notifications

/** Notification of the server: what the client may show of a document, in short. */
export const STATUS = 'advisor/status';
/** Notification of the client: whether the workspace is trusted. */
export const TRUST = 'advisor/trust';

export type State = 'waiting' | 'tracing' | 'traced' | 'static' | 'failed' | 'cancelled';
/** Where a model is against its budgets; `near` is above 90 % of one. */
export type Level = 'ok' | 'near' | 'over' | 'unknown';

export interface ModelStatus {
  name: string;
  range: Range | null;
  status: string;
  /** What the figures are: measured, vendor estimate, predicted, simulated. */
  label: string;
  latencyUs: number | null;
  lowUs: number | null;
  highUs: number | null;
  peakBytes: number | null;
  params: number | null;
  macs: number | null;
  /** Operators without a cost. */
  uncounted: number;
  findings: number;
  level: Level;
  /** `1.18 ms ±6 % · 5.7 MiB`; with a `~` while it is of an earlier text. */
  text: string;
  /** Why the level is not `ok`, a sentence; empty otherwise. */
  why: string;
}

export interface Status {
  uri: string;
  state: State;
  trusted: boolean;
  /** Whether the text is newer than what is known of it. */
  stale: boolean;
  /** The first of `targets`, the active one. */
  target: string | null;
  targets: string[];
  models: ModelStatus[];
  /** Grows with every trace, and whenever more fixes are known: the answer to `advisor/modelView` may be another. */
  revision: number;
}

// ---- requests

export const TARGETS = 'advisor/targets';

/** Those in the settings of a document; of the first folder without one. */
export interface TargetsParams {
  uri?: string;
}

export interface Target {
  name: string;
  dtype: string;
  description: string;
  active: boolean;
}

export interface TargetsResult {
  targets: Target[];
}

export const MODEL_VIEW = 'advisor/modelView';

export interface ModelViewParams {
  uri: string;
  /** Where it is left out, the first that was traced; where none was, the first. */
  model?: string;
  target?: string;
  /** A second target. */
  compare?: string;
  /** The id of a finding: asks for `preview`. */
  fix?: string;
}

export interface Totals {
  label: string;
  latencyUs: number | null;
  lowUs: number | null;
  highUs: number | null;
  peakBytes: number | null;
  weightsBytes: number | null;
  params: number | null;
  macs: number | null;
  uncounted: number;
  text: string;
}

export interface PreviewLayer {
  /** Order of execution. */
  id: number;
  /** `features.0.conv`; empty for what no module does. */
  path: string;
  /** `Conv2d 3×3 s2` */
  label: string;
  inputs: string;
  output: string;
  params: number | null;
  macs: number | null;
  /** Bytes that live while the layer runs. */
  liveBytes: number | null;
  /** By target. */
  latencyUs: Record<string, number | null>;
}

export interface Layer extends PreviewLayer {
  /** An index of `sources`. */
  source: number | null;
}

export interface OfferedFix {
  title: string;
  applicability: string;
  gainUs: number | null;
  gainPercent: number | null;
}

export interface Finding {
  id: string;
  code: string;
  severity: string;
  message: string;
  target: string | null;
  source: Location | null;
  /** Ids of layers. */
  layers: number[];
  fix: OfferedFix | null;
  /** Why there is no fix; empty otherwise. */
  unfixed: string;
  /** Whether it proposes a change, so that a preview can be had without a fix, too. */
  movable: boolean;
}

export interface Preview {
  /** The finding's id. */
  fix: string;
  title: string;
  totals: Record<string, Totals>;
  /** In order of execution; the id of one of the layers before, where it is like that one in all but its id. */
  layers: (number | PreviewLayer)[];
  /** Module paths. */
  changed: string[];
  peakAt: number | null;
  /** Whether it is a fix that was tried in the source; else the finding's move, which nobody has tried there. */
  verified: boolean;
}

export interface ModelViewResult {
  uri: string;
  /** Null where the document has none; there are no layers then. */
  model: string | null;
  models: { name: string; status: string }[];
  state: State;
  stale: boolean;
  /** Why there are no layers; empty otherwise. */
  note: string;
  /** Null where there are no layers, since nothing was costed. */
  target: string | null;
  compare: string | null;
  /** Those in use. */
  targets: string[];
  totals: Record<string, Totals>;
  layers: Layer[];
  /** Where layers are written: several may be at one place. */
  sources: Location[];
  /** The layer at which most memory lives. */
  peakAt: number | null;
  memoryLimit: number | null;
  memoryWhat: 'budget' | 'target' | '';
  findings: Finding[];
  preview: Preview | null;
}

// ---- commands of the server (workspace/executeCommand)

export const SERVER = {
  auditWorkspace: 'advisor.auditWorkspace',
  fixAll: 'advisor.fixAll',
  doctor: 'advisor.doctor',
  switchTarget: 'advisor.switchTarget',
  tellInputs: 'advisor.tellInputs',
  applyFix: 'advisor.applyFix',
  explain: 'advisor.explain',
  retrace: 'advisor.retrace',
} as const;

export interface ApplyFixResult {
  applied: boolean;
  /** Why not, a sentence; empty where the person said no. */
  note: string;
}

export interface FixAllResult {
  applied: boolean;
  count: number;
  note: string;
}
