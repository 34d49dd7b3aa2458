--- The program that is started: `advisor lsp`, of the environment that has it.

local editor = require('advisor.editor')
local foreign = require('advisor.foreign')
local options = require('advisor.options')

local M = {}

local WINDOWS = vim.fn.has('win32') == 1

-- Looks without importing, and not in the folder that it is run in.
local PROBE = 'import sys; sys.path = [p for p in sys.path if p]; import importlib.util as u; '
  .. 'sys.exit(u.find_spec("advisor.daemon") is None)'

local NEUTRAL = editor.real('/') -- no project's folder
local SECONDS = 30 -- that a program has to answer a short question

--- The variables that are other than Neovim's own for what is started for a root; nil when none is.
function M.environment(root, trusted)
  return not trusted and foreign.environment(root) or nil
end

--- What a command prints, run in a folder (nil: Neovim's) with some variables set. Nil, and what it printed, when it
--- fails.
function M.output(command, folder, environment)
  local printed = { '' }
  local function collect(_, lines)
    printed[#printed] = printed[#printed] .. lines[1] -- a line may come in parts
    vim.list_extend(printed, lines, 2)
  end
  local how = { cwd = folder, env = environment, on_stdout = collect, on_stderr = collect }
  local ok, job = pcall(vim.fn.jobstart, command, how)
  if not ok or job <= 0 then
    return nil, ok and 'it cannot be started' or job
  end
  local code = vim.fn.jobwait({ job }, SECONDS * 1000)[1]
  local text = table.concat(printed, '\n')
  if code == -1 then
    vim.fn.jobstop(job)
    return nil, ('it did not end within %d s'):format(SECONDS)
  end
  if code ~= 0 then
    return nil, text
  end
  return text
end

--- The program of a virtual environment, nil when it is not installed there.
local function of_environment(folder)
  local path = folder .. (WINDOWS and '/Scripts/advisor.exe' or '/bin/advisor')
  return vim.fn.executable(path) == 1 and path or nil
end

--- A program on the PATH, nil without one.
local function on_path(name, root, trusted)
  if not trusted then
    return foreign.on_path(name, root)
  end
  local found = vim.fn.exepath(name)
  return found ~= '' and found or nil
end

--- The Python on the PATH, if the advisor is installed for it.
local function of_python(root, trusted)
  local python = on_path('python3', root, trusted)
  if python and M.output({ python, '-c', PROBE }, NEUTRAL, M.environment(root, trusted)) then
    return python
  end
end

-- How the advisor is started for a root: a command without its last word `lsp`, the folder to start it in (nil: any),
-- and where that was found. Without a program: nil and a sentence. Of a root that is not trusted no program is started,
-- and none starts in a folder that could be its.
local function find(root, trusted)
  local folder = not trusted and NEUTRAL or nil
  local environment = vim.env.VIRTUAL_ENV
  local found = environment and environment ~= '' and of_environment(environment)
  if found and (trusted or not foreign.is(found, root)) then
    return { found }, folder, 'VIRTUAL_ENV'
  end
  found = trusted and of_environment(root .. '/.venv')
  if found then
    return { found }, folder, '.venv of the project'
  end
  found = on_path('advisor', root, trusted)
  if found then
    return { found }, folder, 'PATH'
  end
  found = of_python(root, trusted)
  if found then -- `-m` imports from the folder that it is started in: one without a project
    return { found, '-m', 'advisor' }, NEUTRAL, 'python3 on PATH'
  end
  return nil, 'there is no program advisor in VIRTUAL_ENV, in a trusted .venv or on PATH: `pip install nas-advisor`, '
    .. 'or name it with the option cmd'
end

-- The command that the option cmd names, as find() has it. One that is named with its whole path is the person's own
-- decision, wherever it lies.
local function of_option(given, root, trusted)
  local command = vim.deepcopy(given)
  if trusted then
    if vim.fn.executable(command[1]) == 0 then
      return nil, ('cannot run %s, which the option cmd names: correct it'):format(command[1])
    end
    return command, nil, 'the option cmd'
  end
  local bare = not command[1]:find('[/\\]')
  local path = vim.fn.expand(command[1])
  if not bare and not foreign.absolute(path) then
    return nil, ('the option cmd names %s, which depends on the folder: name its whole path'):format(command[1])
  end
  local found = bare and foreign.on_path(command[1], root) or not bare and vim.fn.executable(path) == 1 and path
  if not found then
    return nil, ('cannot run %s, which the option cmd names: correct it'):format(command[1])
  end
  command[1] = found
  return command, NEUTRAL, 'the option cmd'
end

--- The command of the language server for a root, the folder to start it in, and where it was found; nil and a sentence
--- without any.
function M.server(root, trusted)
  local given = options.values.cmd
  if given then
    return of_option(given, root, trusted)
  end
  local command, folder, where = find(root, trusted)
  if command then
    table.insert(command, 'lsp')
  end
  return command, folder, where
end

--- The command of the advisor itself, as above: what stands before `lsp` in the option cmd.
function M.command(root, trusted)
  local command, folder, where = M.server(root, trusted)
  while command and table.remove(command) ~= 'lsp' do
    if #command == 0 then
      return nil, "the option cmd does not say `lsp`, so the advisor's own command is not known from it"
    end
  end
  return command, folder, where
end

return M
