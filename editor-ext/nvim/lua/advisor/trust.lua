--- Which projects' code may run: the person's decisions, kept in a file of theirs.
---
--- A decision is about a folder and what is in it; the innermost one counts. Nothing inside a project can make one: the
--- file is not read if it lies in the project, belongs to somebody else or can be written by others.

local editor = require('advisor.editor')
local say = require('advisor.say')

local M = {}

local PRIVATE = 384 -- 0600
local OTHERS = 18 -- 0022: the group and others may write

--- The file that holds the decisions.
function M.file()
  return editor.state_folder() .. '/advisor/trust.json'
end

-- Why nothing can be read from a file that others could have written, nil for one that only the person writes.
local function refused(about)
  if vim.fn.has('win32') == 1 then
    return nil -- its folder is the person's own there
  end
  if about.uid ~= editor.uv.getuid() then
    return 'it belongs to another user'
  end
  if require('bit').band(about.mode, OTHERS) ~= 0 then
    return 'it can be written by others: run chmod go-w on it'
  end
end

--- All decisions, by folder; none and why where the file is not followed.
local function read(root)
  local about = editor.uv.fs_stat(M.file())
  if not about then
    return {}
  end
  if editor.inside(editor.real(M.file()), root) then
    return {}, 'it lies inside ' .. root .. ', which cannot grant trust to itself'
  end
  local problem = refused(about)
  if problem then
    return {}, problem
  end
  local handle
  handle, problem = io.open(M.file(), 'r')
  if not handle then
    return {}, problem
  end
  local text = handle:read('*a')
  handle:close()
  local ok, decisions = pcall(vim.json.decode, text)
  if not ok or type(decisions) ~= 'table' then
    return {}, 'it is no table of decisions: delete it'
  end
  return decisions
end

--- The decision about a root: true, false, or nil where there is none. The second result says why the file was not
--- followed.
function M.decision(root)
  local real = editor.real(root)
  local decisions, problem = read(real)
  if problem then
    say.once(('%s: %s; no trust was read from it'):format(M.file(), problem), say.problem)
    return nil, problem
  end
  local around, decided = -1, nil
  for folder, decision in pairs(decisions) do
    if type(decision) == 'boolean' and #folder > around and editor.inside(real, folder) then
      around, decided = #folder, decision
    end
  end
  return decided
end

--- Keep a decision about a root; nil forgets one. Returns why it could not be kept, nil when it was. Of a file that is
--- not followed nothing is taken over.
function M.decide(root, decision)
  local decisions = read(editor.real(root))
  decisions[editor.real(root)] = decision
  local file = M.file()
  vim.fn.mkdir(vim.fn.fnamemodify(file, ':h'), 'p', 448) -- 0700
  local text = next(decisions) and vim.json.encode(decisions) or '{}'
  local draft = file .. '.new'
  editor.uv.fs_unlink(draft)
  local handle, problem = editor.uv.fs_open(draft, 'wx', PRIVATE)
  if not handle then
    return problem
  end
  local written
  written, problem = editor.uv.fs_write(handle, text, 0)
  editor.uv.fs_close(handle)
  if not written then
    return problem
  end
  local moved
  moved, problem = editor.uv.fs_rename(draft, file)
  return not moved and problem or nil
end

return M
