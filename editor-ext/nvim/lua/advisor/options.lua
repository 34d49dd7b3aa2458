--- The options of setup(): what there is, the defaults, and what is wrong with those that were given.

local M = {}

local function flag(value)
  return type(value) == 'boolean', 'true or false'
end

local function texts(value)
  local ok = type(value) == 'table' and #value > 0 and vim.tbl_count(value) == #value
  for _, item in ipairs(ok and value or {}) do
    ok = ok and type(item) == 'string' and item ~= ''
  end
  return ok, 'a list of texts'
end

local function settings(value)
  return type(value) == 'table' and (next(value) == nil or #value == 0), 'a table of settings by name'
end

local function callback(value)
  return type(value) == 'function', 'a function of client and buffer'
end

--- Each option: its default, and what tells whether a value fits, with what is expected.
local OPTIONS = {
  cmd = { check = texts },
  root_markers = { default = { 'pyproject.toml', 'setup.py', 'setup.cfg', '.git' }, check = texts },
  settings = { default = {}, check = settings },
  inlay_hints = { default = true, check = flag },
  code_lens = { default = true, check = flag },
  on_attach = { check = callback },
}

local function defaults()
  local out = {}
  for name, about in pairs(OPTIONS) do
    out[name] = about.default ~= nil and vim.deepcopy(about.default) or nil
  end
  return out
end

M.values = defaults()
M.problems = {} -- what is wrong with those that were given

local function names()
  local out = vim.tbl_keys(OPTIONS)
  table.sort(out)
  return table.concat(out, ', ')
end

--- Use what was given over the defaults. Returns a sentence for each that is wrong, which is left out.
function M.set(given)
  M.values, M.problems = defaults(), {}
  if given ~= nil and type(given) ~= 'table' then
    M.problems = { 'setup: expected a table of options, got ' .. vim.inspect(given) }
    return M.problems
  end
  for name, value in pairs(given or {}) do
    local about = OPTIONS[name]
    if about == nil then
      table.insert(M.problems, ('setup: there is no option %s; there are %s'):format(vim.inspect(name), names()))
    else
      local fits, expected = about.check(value)
      if fits then
        M.values[name] = value
      else
        table.insert(M.problems, ('setup: %s: expected %s, got %s'):format(name, expected, vim.inspect(value)))
      end
    end
  end
  table.sort(M.problems)
  return M.problems
end

return M
